"""Indexes: how large, how used, who declares them, and what could be done about each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.aliases import alias_of
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.charts import sparkline
from dbhealth.admin.filters import AppFilter, SizeFilter
from dbhealth.admin.format import UNKNOWN, as_of, badge, code_line, number, size
from dbhealth.admin.index_deeds import Rebuild, Reindex
from dbhealth.admin.index_filters import (
    DeclaredFilter,
    LevelFilter,
    StateFilter,
    TableFilter,
    VerdictFilter,
)
from dbhealth.admin.index_page import detail
from dbhealth.admin.lists import HealthChangeList
from dbhealth.admin.places import list_of
from dbhealth.admin.words import CONFIDENCES, VERDICTS
from dbhealth.clock import kept
from dbhealth.indexes.models import IndexCount, IndexSnapshot, MissingIndex, TrackedIndex

LOOKS = 30
"""So many looks make a sparkline."""

_LEAST = Value(-1)
"""What is unknown is sorted as the least, on every engine."""

_NEVER = Value(kept(datetime(1970, 1, 1, tzinfo=UTC)))

_ON_ITS_OWN_PAGE = ("definition", "declaration", "stays", "drift_why", "verdicts")


class IndexChangeList(HealthChangeList):
    """The list, which reads the history of all indexes of a page at once."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the indexes without what their own pages show only."""
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows.defer(*_ON_ITS_OWN_PAGE)

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page, and how often each was scanned."""
        super().get_results(request)
        self.result_list = with_scans(list(self.result_list))


def with_scans(rows: list[TrackedIndex]) -> list[TrackedIndex]:
    """Give indexes of one database the scans of the last LOOKS looks, as ``looks``.

    In two statements, however many rows there are; what nothing counts gets none.
    """
    if not rows:
        return rows
    alias = rows[0].database
    numbers = IndexSnapshot.objects.using(alias).filter(database=alias).order_by("-number")
    looks = list(numbers.values_list("pk", flat=True)[:LOOKS])
    counts = IndexCount.objects.using(alias).filter(
        index__in=[row.pk for row in rows], snapshot__in=looks
    )
    scans: dict[int, dict[int, int]] = {}
    for index, look, count in counts.values_list("index_id", "snapshot_id", "scans"):
        scans.setdefault(index, {})[look] = count
    for row in rows:
        found = scans.get(row.pk, {})
        series = [found.get(look, 0) for look in reversed(looks)]
        row.looks = series if row.scans is not None else []  # type: ignore[attr-defined]
    return rows


class IndexAdmin(HealthAdmin):
    """The indexes of one database, what is said of them gravest first."""

    list_display = ("name", "table", "declared", "total", "scan_count", "used", "curve", "said")
    list_filter: ClassVar = (
        VerdictFilter,
        LevelFilter,
        SizeFilter,
        DeclaredFilter,
        StateFilter,
        AppFilter,
        TableFilter,
    )
    search_fields = ("name", "table", "owner", "definition")
    ordering = ("-gravity", Coalesce("bytes", _LEAST).desc(), "table", "name")
    as_of_field = "last_seen"
    empty_hint = gettext_lazy(
        "Nobody has looked at the indexes yet: “manage.py index_usage --snapshot” does, and "
        "belongs into cron."
    )
    deeds = (Rebuild(), Reindex())
    change_list_template = "admin/dbhealth/indexes.html"
    detail_template = "admin/dbhealth/index.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that reads the history."""
        return IndexChangeList

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what stands above the list: also how many indexes are missed."""
        found = super().list_context(request)
        if self.admin_site.is_registered(MissingIndex):
            alias = alias_of(request)
            rows = MissingIndex.objects.using(alias).filter(database=alias)
            found["missed"] = rows.count()
            found["missed_url"] = list_of(self.admin_site, MissingIndex, alias)
        return found

    @admin.display(description=gettext_lazy("declared by"), ordering="owner")
    def declared(self, row: TrackedIndex) -> str | SafeString:
        """Return the model that declares it, and the line of code."""
        if not row.kind:
            return _("nobody")
        if not row.declared_by:
            return row.owner
        return format_html("{}<br><small>{}</small>", row.owner, code_line(row.declared_by))

    declared.csv_value = "declared_by"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("size"), ordering=Coalesce("bytes", _LEAST))
    def total(self, row: TrackedIndex) -> str:
        """Return how large it is."""
        return size(row.bytes)

    total.csv_value = "bytes"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("scans"), ordering=Coalesce("scans", _LEAST))
    def scan_count(self, row: TrackedIndex) -> str:
        """Return how often it was scanned since the statistics began."""
        return number(row.scans)

    scan_count.csv_value = "scans"  # type: ignore[attr-defined]

    @admin.display(
        description=gettext_lazy("last use"), ordering=Coalesce("last_scan", "last_used", _NEVER)
    )
    def used(self, row: TrackedIndex) -> str | SafeString:
        """Return when it was used last, by the server or by looks."""
        return as_of(row.last_scan or row.last_used)

    used.csv_value = "last_scan"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("scans by look"))
    def curve(self, row: TrackedIndex) -> str | SafeString:
        """Return the scans of the last looks as a curve."""
        looks = getattr(row, "looks", ())
        told = _("Scans of the last %(looks)d looks: %(scans)s") % {
            "looks": len(looks),
            "scans": number(sum(looks)),
        }
        return sparkline(looks, told, floor=0.0) or UNKNOWN

    curve.csv = False  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("verdict"), ordering="gravity")
    def said(self, row: TrackedIndex) -> str | SafeString:
        """Return the gravest verdict, and how sure it is."""
        if not row.verdict:
            return ""
        return format_html(
            "{} <small>{}</small>",
            badge(str(VERDICTS.get(row.verdict, row.verdict)), row.level),
            _("confidence: %s") % CONFIDENCES.get(row.confidence, row.confidence),
        )

    def detail(self, request: HttpRequest, obj: TrackedIndex) -> dict[str, Any]:
        """Return what is known of an index."""
        return detail(self.admin_site, request, obj)
