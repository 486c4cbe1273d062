"""The filters of the pages: {% load dbhealth %}."""

from django import template

from dbhealth.admin import format as formats
from dbhealth.admin.lists import chosen

register = template.Library()

for function in (
    formats.size,
    formats.number,
    formats.share,
    formats.duration,
    formats.as_of,
    formats.badge,
    chosen,
):
    register.filter(function.__name__, function)
