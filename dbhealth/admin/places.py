"""The addresses of pages, for pages that lead to others."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.urls import reverse
from django.utils.http import urlencode

from dbhealth.admin.aliases import PARAMETER


def page_of(site: AdminSite, obj: Any, page: str = "change") -> str:
    """Return the address of the page of one row of a model that has pages."""
    address = reverse(f"{site.name}:dbhealth_{obj._meta.model_name}_{page}", args=[obj.pk])
    return f"{address}?{urlencode({PARAMETER: obj.database})}"


def address_of(site: AdminSite, obj: Any) -> str:
    """Return the address of the page of a row, empty where the site has none for its model."""
    return page_of(site, obj) if site.is_registered(type(obj)) else ""


def list_of(site: AdminSite, model: type[Model], alias: str, **filters: Any) -> str:
    """Return the address of a list about one database."""
    address = reverse(f"{site.name}:dbhealth_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode({PARAMETER: alias, **filters})}"


def deed_on(site: AdminSite, model: type[Model], name: str, alias: str, *keys: Any) -> str:
    """Return the address of the page that asks whether an action shall be done to rows."""
    address = reverse(f"{site.name}:dbhealth_{model._meta.model_name}_do", args=[name])
    query = [(PARAMETER, alias), *(("pk", key) for key in keys)]
    return f"{address}?{urlencode(query)}"
