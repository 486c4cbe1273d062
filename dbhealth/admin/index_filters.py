"""What the lists of indexes are filtered by."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.words import LACKS, VERDICTS
from dbhealth.health.finding import Level
from dbhealth.indexes.models import IndexState

_TABLES = 25
"""So many tables are offered, those with the most rows in the list; any other by its name."""


class TableFilter(admin.SimpleListFilter):
    """Chooses the table: of the few with most rows, or by ``?table=``."""

    title = gettext_lazy("table")
    parameter_name = "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the tables, with the chosen one whatever it is."""
        counted = model_admin.get_queryset(request).order_by().values_list("table")
        rows = counted.annotate(number=Count("pk")).order_by("-number", "table")
        names = [table for table, _number in rows[:_TABLES]]
        if (chosen := self.value()) and chosen not in names:
            names.append(chosen)
        return [(name, name) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the table."""
        return queryset.filter(table=self.value()) if self.value() else queryset


class VerdictFilter(admin.SimpleListFilter):
    """Chooses by the gravest verdict."""

    title = gettext_lazy("verdict")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the verdicts, that there is any, and that there is none."""
        return [("any", _("any")), *VERDICTS.items(), ("none", _("none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the indexes with the verdict."""
        if self.value() == "any":
            return queryset.filter(gravity__gt=0)
        if self.value() == "none":
            return queryset.filter(gravity=0)
        return queryset.filter(verdict=self.value()) if self.value() in VERDICTS else queryset


class LackFilter(admin.SimpleListFilter):
    """Chooses why an index is missed."""

    title = gettext_lazy("missed by")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the reasons."""
        return list(LACKS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return what is missed for the reason."""
        return queryset.filter(code=self.value()) if self.value() in LACKS else queryset


class LevelFilter(admin.SimpleListFilter):
    """Chooses the level of the gravest verdict."""

    title = gettext_lazy("level")
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the levels that verdicts on indexes have."""
        return [
            (Level.ERROR.value, _("error")),
            (Level.WARNING.value, _("warning")),
            (Level.INFO.value, _("info")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the level."""
        return queryset.filter(level=self.value()) if self.value() else queryset


class DeclaredFilter(admin.SimpleListFilter):
    """Chooses between what the code declares and what nobody does."""

    title = gettext_lazy("declared")
    parameter_name = "declared"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the two."""
        return [("yes", _("in the code")), ("no", _("by nobody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the indexes that are declared, or those that are not."""
        if self.value() == "yes":
            return queryset.exclude(kind="")
        return queryset.filter(kind="") if self.value() == "no" else queryset


class StateFilter(admin.SimpleListFilter):
    """Chooses how indexes stand; without a choice all that are there."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the states."""
        return list(IndexState.choices)

    def choices(self, changelist: Any) -> Any:
        """Yield the choices, that of all that are there first."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("not gone")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the indexes in the state."""
        if self.value() in IndexState.values:
            return queryset.filter(state=self.value())
        return queryset.exclude(state=IndexState.GONE)
