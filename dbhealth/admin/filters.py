"""What lists of tables and of indexes are filtered by: the app, and how large they are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_NONE = "-"
"""Stands for no app in addresses; no app is called like that."""

_MB, _GB = 1024**2, 1024**3

_BANDS = {
    "tiny": (0, _MB, gettext_lazy("below 1 MB")),
    "small": (_MB, 100 * _MB, gettext_lazy("1 to 100 MB")),
    "medium": (100 * _MB, _GB, gettext_lazy("100 MB to 1 GB")),
    "large": (_GB, 10 * _GB, gettext_lazy("1 to 10 GB")),
    "huge": (10 * _GB, None, gettext_lazy("10 GB and more")),
}


class AppFilter(admin.SimpleListFilter):
    """Chooses the app, of those that the list has (``app_label``)."""

    title = gettext_lazy("app")
    parameter_name = "app"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the apps; what no model has stands last."""
        rows = model_admin.get_queryset(request).order_by("app_label")
        labels = list(rows.values_list("app_label", flat=True).distinct())
        found = [(label, label) for label in labels if label]
        return [*found, (_NONE, _("no model"))] if "" in labels else found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the app."""
        if self.value() is None:
            return queryset
        return queryset.filter(app_label="" if self.value() == _NONE else self.value())


class SizeFilter(admin.SimpleListFilter):
    """Chooses how large (``bytes``)."""

    title = gettext_lazy("size")
    parameter_name = "size"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the bands."""
        return [(name, words) for name, (_least, _most, words) in _BANDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in the band."""
        band = _BANDS.get(self.value() or "")
        if band is None:
            return queryset
        least, below, _words = band
        found = queryset.filter(bytes__gte=least)
        return found if below is None else found.filter(bytes__lt=below)
