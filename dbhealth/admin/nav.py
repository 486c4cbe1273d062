"""The pages beside each other: the same on each of them, also where the sidebar has no room."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model

from dbhealth.admin.places import list_of
from dbhealth.models import DatabaseHealth


def nav(site: AdminSite, alias: str, current: type[Model]) -> list[dict[str, Any]]:
    """Return the pages that a site has, each with its address and whether it is the one shown."""
    found = []
    for model in site._registry:
        if model._meta.app_label != DatabaseHealth._meta.app_label:
            continue
        found.append(
            {
                "title": str(model._meta.verbose_name_plural).capitalize(),
                "url": list_of(site, model, alias),
                "current": model is current,
            }
        )
    return found
