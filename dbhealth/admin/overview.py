"""The first page: each database with its headline, what is wrong, how it grows, what was done.

Every figure was kept by somebody who looked before: a command of cron, or the button "Look now".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.db import DatabaseError
from django.db.models import Count, F, Min, QuerySet, Sum
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dbhealth import recipes
from dbhealth.admin.aliases import alias_of, aliases
from dbhealth.admin.base import LOCK_SECONDS, PAGE_SECONDS, HealthAdmin
from dbhealth.admin.findings import ranked, unacknowledged
from dbhealth.admin.format import size
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.places import list_of, page_of
from dbhealth.admin.record import log
from dbhealth.admin.run_state import HEAVY, badges
from dbhealth.admin.sizes import size_chart
from dbhealth.backends import get_backend
from dbhealth.clock import now
from dbhealth.exceptions import DBHealthError
from dbhealth.health.finding import Level
from dbhealth.models import (
    DatabaseHealth,
    FindingRecord,
    MaintenanceRun,
    SizeSnapshot,
    TrackedArchive,
    TrackedTable,
)
from dbhealth.runs.schedule import next_runs
from dbhealth.saying import translated

SHOWN = 5
"""So many findings, runs and tables of a database stand on the page; the lists have all."""


class OverviewAdmin(HealthAdmin):
    """The first page. It lists databases, not rows."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return nothing: the model has no table."""
        nothing: QuerySet[Any] = self.model._default_manager.none()
        return nothing

    def changelist_view(  # type: ignore[override]  # as in the class above
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponseBase:
        """Return the page."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        alias_of(request)  # an unknown database is not found here either
        context = {
            **self.page_context(request),
            **(extra_context or {}),
            "title": _("Database health"),
            "databases": [self._database(alias) for alias in aliases()],
            "look_url": reverse(f"{self.admin_site.name}:dbhealth_look"),
            "scheduled": next_runs(now()),
            "may_look": may(request, Permission.REFRESH),
        }
        return TemplateResponse(request, "admin/dbhealth/overview.html", context)

    def get_urls(self) -> list[Any]:
        """Return the page, and the one that looks anew."""
        look = path("look/", self.admin_site.admin_view(self.look_view), name="dbhealth_look")
        return [look, *super().get_urls()]

    def look_view(self, request: HttpRequest) -> HttpResponse:
        """Take the figures of one database anew (POST), and go back to the page."""
        ensure(request, Permission.REFRESH)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        alias = alias_of(request)
        failed = recipes.look(alias)
        looked_at: Any = DatabaseHealth(pk=alias)
        looked_at.database = alias
        log(request, looked_at, "Look now")
        for part, reason in failed.items():
            said = _("The %(part)s could not be taken anew: %(reason)s")
            messages.warning(request, said % {"part": part, "reason": translated(reason)})
        if not failed:
            messages.success(request, _("All figures of “%s” are as of now.") % alias)
        return HttpResponseRedirect(self.list_link(alias))

    def _database(self, alias: str) -> dict[str, Any]:
        """Return what the page shows of one database; one that is down says so."""
        backend, shown = get_backend(alias), {"alias": alias}
        try:
            with backend.executor.looking(lock=LOCK_SECONDS, seconds=PAGE_SECONDS):
                for part in PARTS:
                    shown.update(part(self, alias))
        except (DatabaseError, DBHealthError) as error:
            first_line = str(error).strip().partition("\n")[0]
            return {"alias": alias, "unavailable": True, "reason": first_line}
        return shown


def _findings(page: OverviewAdmin, alias: str) -> Mapping[str, Any]:
    rows = FindingRecord.objects.using(alias).filter(database=alias)
    still = ranked(rows.filter(resolved_at__isnull=True)).filter(unacknowledged())
    levels = still.order_by().values("level").annotate(number=Count("pk"))
    counts = dict(levels.values_list("level", "number"))
    gravest = list(still[:SHOWN])
    newest = rows.order_by("-last_seen").values_list("last_seen", flat=True).first()
    return {
        "headline": _headline(gravest, sum(counts.values()), is_known=newest is not None),
        "worst": gravest[0].level if gravest else ("healthy" if newest else "info"),
        "findings": [
            {"record": record, "url": page_of(page.admin_site, record)} for record in gravest
        ],
        "levels": [
            {
                "level": level.value,
                "count": counts[level.value],
                "url": list_of(page.admin_site, FindingRecord, alias, level__exact=level.value),
            }
            for level in sorted(Level, reverse=True)
            if level.value in counts
        ],
        "findings_url": list_of(page.admin_site, FindingRecord, alias),
        "findings_as_of": newest,
    }


def _headline(gravest: list[FindingRecord], number: int, *, is_known: bool) -> str:
    if not is_known:
        return _("Nobody has looked yet.")
    if not gravest:
        return _("Healthy: no finding is open.")
    more = number - 1
    if more < 1:
        return str(gravest[0])
    return str(gravest[0]) + " " + ngettext("And %d more.", "And %d more.", more) % more


def _sizes(page: OverviewAdmin, alias: str) -> Mapping[str, Any]:
    looks = list(
        SizeSnapshot.objects.using(alias)
        .filter(database=alias)
        .order_by("-taken_at")
        .values_list("taken_at", "bytes")[:400]
    )
    looks.reverse()
    return {
        "bytes": size(looks[-1][1]) if looks else None,
        "sizes_as_of": looks[-1][0] if looks else None,
        "chart": size_chart(_("Size of the database"), looks),
    }


def _tables(page: OverviewAdmin, alias: str) -> Mapping[str, Any]:
    rows = TrackedTable.objects.using(alias).filter(database=alias)
    largest = list(rows.order_by(F("bytes").desc(nulls_last=True), "table")[:SHOWN])
    return {
        "tables": [{"table": row, "url": page_of(page.admin_site, row)} for row in largest],
        "tables_url": list_of(page.admin_site, TrackedTable, alias),
    }


def _archives(page: OverviewAdmin, alias: str) -> Mapping[str, Any]:
    rows = TrackedArchive.objects.using(alias).filter(database=alias)
    totals = rows.aggregate(waiting=Sum("eligible"), as_of=Min("looked_at"), policies=Count("pk"))
    most = list(rows.filter(eligible__gt=0).order_by("-eligible", "table")[:SHOWN])
    return {
        "waiting": totals["waiting"] or 0,
        "policies": totals["policies"],
        "archives_as_of": totals["as_of"],
        "archives": [{"archive": row, "url": page_of(page.admin_site, row)} for row in most],
        "archives_url": list_of(page.admin_site, TrackedArchive, alias),
    }


def _runs(page: OverviewAdmin, alias: str) -> Mapping[str, Any]:
    rows = MaintenanceRun.objects.using(alias).filter(database=alias)
    last = list(rows.defer(*HEAVY)[:SHOWN])
    return {
        "runs": [
            {"run": run, "badge": badge, "url": page_of(page.admin_site, run)}
            for run, badge in zip(last, badges(last, alias), strict=True)
        ],
        "runs_url": list_of(page.admin_site, MaintenanceRun, alias),
    }


PARTS: tuple[Callable[[OverviewAdmin, str], Mapping[str, Any]], ...] = (
    _findings,
    _sizes,
    _tables,
    _archives,
    _runs,
)
"""What the page asks of each database, part by part."""
