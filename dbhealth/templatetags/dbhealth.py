"""The filters of the pages: {% load dbhealth %}."""

from django import template

from dbhealth.admin import format as formats
from dbhealth.admin import words
from dbhealth.admin.lists import chosen

register = template.Library()

for function in (
    formats.size,
    formats.number,
    formats.share,
    formats.duration,
    formats.as_of,
    formats.code_line,
    words.level,
    words.operation,
    words.verdict,
    chosen,
):
    register.filter(function.__name__, function)
