"""Tables: how large, how they grow, how they stand, and what to do for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.aliases import alias_of
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.charts import sparkline
from dbhealth.admin.filters import AppFilter, SizeFilter
from dbhealth.admin.format import UNKNOWN, as_of, badge, number, share, size
from dbhealth.admin.lists import HealthChangeList
from dbhealth.admin.table_deeds import Analyze, Reindex, Vacuum
from dbhealth.admin.table_page import detail
from dbhealth.backends import get_backend
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.clock import aware, kept
from dbhealth.maintenance.growth import SizeHistory
from dbhealth.maintenance.models import TrackedTable

_POINTS = 31
"""So many sizes make a sparkline."""

_LEAST = Value(-1)
"""What is unknown is sorted as the least, on every engine."""

_NEVER = Value(kept(datetime(1970, 1, 1, tzinfo=UTC)))

_COUNTED = frozenset({"dead", "vacuumed", "analyzed"})
"""Columns of what a server counts."""

GRAVE = ("many_dead", "bloated", "unattended")
"""Conditions that are findings; the others will pass by themselves."""


_NAMES = {field.name: field.verbose_name for field in TrackedTable._meta.fields}


class ConditionFilter(admin.SimpleListFilter):
    """Chooses what is not as it should be."""

    title = gettext_lazy("condition")
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the conditions, and that there is none."""
        return [*((name, _words(name)) for name in TrackedTable.CONDITIONS), ("none", _("none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the tables that are in the condition."""
        if self.value() in TrackedTable.CONDITIONS:
            return queryset.filter(**{str(self.value()): True})
        if self.value() == "none":
            return queryset.filter(*(Q(**{name: False}) for name in TrackedTable.CONDITIONS))
        return queryset


class TableChangeList(HealthChangeList):
    """The list, which reads the history of all tables of a page at once."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the tables without what their own pages show only."""
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows.defer("figures")

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page, and the sizes that they had."""
        super().get_results(request)
        self.result_list = with_sizes(list(self.result_list))


def with_sizes(rows: list[TrackedTable]) -> list[TrackedTable]:
    """Give tables of one database the sizes that they had, without indexes, as ``sizes``."""
    if rows:
        first = rows[0]
        source = StatisticsSource(name="", now=aware(first.looked_at))
        names = [row.table for row in rows]
        history = SizeHistory(first.database, source, names, indexes=False)
        for row in rows:
            own = (row.bytes or 0) - (row.index_bytes or 0)
            series = history.series(own, (row.table, ""))
            step = max(1, len(series) // _POINTS)
            row.sizes = [amount for _moment, amount in series[::-step][::-1]]  # type: ignore[attr-defined]
    return rows


class TableAdmin(HealthAdmin):
    """The tables of one database, the largest first."""

    list_display = (
        *("name", "condition", "total", "row_count"),
        *("dead", "vacuumed", "analyzed", "grows"),
    )
    list_filter: ClassVar = (ConditionFilter, SizeFilter, AppFilter)
    search_fields = ("table", "model")
    ordering = (Coalesce("bytes", _LEAST).desc(),)
    as_of_field = "looked_at"
    empty_hint = gettext_lazy(
        "Nobody has looked at the tables yet: “manage.py db_stats --snapshot” does, and belongs "
        "into cron."
    )
    deeds = (Vacuum(), Analyze(), Reindex())
    detail_template = "admin/dbhealth/table.html"

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the columns, without what the engine of the database does not count."""
        if get_backend(alias_of(request)).features.has_sessions:
            return self.list_display
        return tuple(name for name in self.list_display if name not in _COUNTED)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that reads the history."""
        return TableChangeList

    @admin.display(description=gettext_lazy("table"), ordering="table")
    def name(self, row: TrackedTable) -> str | SafeString:
        """Return the table and its model."""
        return (
            format_html("{}<br><small>{}</small>", row.table, row.model) if row.model else row.table
        )

    name.csv_value = "table"  # type: ignore[attr-defined]
    name.csv_more = ("model",)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("condition"))
    def condition(self, row: TrackedTable) -> SafeString:
        """Return what is not as it should be."""
        return conditions(row)

    condition.csv_value = "condition"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("size"), ordering=Coalesce("bytes", _LEAST))
    def total(self, row: TrackedTable) -> str:
        """Return how large it is with everything, and its share of the database."""
        if row.bytes is None:
            return UNKNOWN
        mark = "" if row.measured else "~"
        return f"{mark}{size(row.bytes)} ({share(row.share)})"

    total.csv_value = "bytes"  # type: ignore[attr-defined]
    total.csv_more = ("index_bytes", "share")  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("rows"), ordering=Coalesce("rows", _LEAST))
    def row_count(self, row: TrackedTable) -> str:
        """Return how many rows it has, as the server estimates them."""
        return number(row.rows)

    row_count.csv_value = "rows"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("dead rows"), ordering=Coalesce("dead_rows", _LEAST))
    def dead(self, row: TrackedTable) -> str:
        """Return how many of them are dead, and their share."""
        if not row.dead_rows:
            return number(row.dead_rows)
        return f"{number(row.dead_rows)} ({share(row.dead_share)})"

    dead.csv_value = "dead_rows"  # type: ignore[attr-defined]
    dead.csv_more = ("dead_share",)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("vacuumed"), ordering=Coalesce("vacuumed_at", _NEVER))
    def vacuumed(self, row: TrackedTable) -> str | SafeString:
        """Return when it was vacuumed, by anybody."""
        return as_of(row.vacuumed_at)

    vacuumed.csv_value = "vacuumed_at"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("analyzed"), ordering=Coalesce("analyzed_at", _NEVER))
    def analyzed(self, row: TrackedTable) -> str | SafeString:
        """Return when it was analyzed, by anybody."""
        return as_of(row.analyzed_at)

    analyzed.csv_value = "analyzed_at"  # type: ignore[attr-defined]

    @admin.display(
        description=gettext_lazy("growth a day"), ordering=Coalesce(F("per_day"), Value(0.0))
    )
    def grows(self, row: TrackedTable) -> str | SafeString:
        """Return how it grows, as a curve and as a number."""
        curve = sparkline(getattr(row, "sizes", ()), _("Sizes of the last 90 days"))
        if row.per_day is None:
            return curve or UNKNOWN
        return format_html("{} {}", curve, growth_of(row))

    grows.csv_value = "per_day"  # type: ignore[attr-defined]

    def detail(self, request: HttpRequest, obj: TrackedTable) -> dict[str, Any]:
        """Return what is known of a table."""
        return {"condition": conditions(obj), **detail(self.admin_site, obj)}


def growth_of(row: TrackedTable) -> str:
    """Return the growth of a day with its sign."""
    amount = round(row.per_day or 0)
    return f"{'+' if amount > 0 else ''}{size(amount)}"


def conditions(row: TrackedTable) -> SafeString:
    """Return what is not as it should be, each in a box; empty where all is well."""
    boxes = (
        (badge(_words(name), "warning" if name in GRAVE else "info"),) for name in row.troubles
    )
    return format_html_join(" ", "{}", boxes)


def _words(name: str) -> str:
    return str(_NAMES[name])
