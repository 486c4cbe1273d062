"""Archives: each policy with how many rows wait, how many are archived, and when what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin import archive_page, doing
from dbhealth.admin.aliases import alias_of
from dbhealth.admin.archive_browse import may_read, rows_view
from dbhealth.admin.archive_deeds import ArchiveNow, PurgeNow
from dbhealth.admin.archive_plans import archive_of
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.filters import AppFilter
from dbhealth.admin.format import UNKNOWN, as_of, badge, number
from dbhealth.admin.lists import HealthChangeList
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.places import address_of
from dbhealth.admin.run_state import HEAVY, badges
from dbhealth.clock import kept, now
from dbhealth.models import MaintenanceRun, TrackedArchive
from dbhealth.runs.models import Operation
from dbhealth.runs.schedule import next_run
from dbhealth.runs.states import State

_LEAST = Value(-1)
"""What is unknown is sorted as the least, on every engine."""

_NO_TIME = Value(timedelta(0))

_NEVER = Value(kept(datetime(1970, 1, 1, tzinfo=UTC)))


class StandingFilter(admin.SimpleListFilter):
    """Chooses what somebody should look at."""

    title = gettext_lazy("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [
            ("waiting", _("rows wait")),
            ("purgeable", _("rows may be purged")),
            ("failed", _("the last run was not done")),
            ("error", _("without figures")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the archives that stand like that."""
        chosen = {
            "waiting": Q(eligible__gt=0),
            "purgeable": Q(purgeable__gt=0),
            "failed": Q(last_state__in=[State.FAILED, State.INTERRUPTED]),
            "error": ~Q(error=""),
        }.get(str(self.value()))
        return queryset if chosen is None else queryset.filter(chosen)


class ArchiveChangeList(HealthChangeList):
    """The list, which asks once when cron archives next, and once for the last runs."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page, and tell each when its next run is and how the last went."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        scheduled = next_run(Operation.ARCHIVE, now())
        alias = alias_of(request)
        keys = [row.last_pk for row in self.result_list if row.last_pk is not None]
        runs = list(MaintenanceRun.objects.using(alias).defer(*HEAVY).filter(pk__in=keys))
        said = zip(runs, badges(runs, alias), strict=True)
        shown = {run.pk: (run, state) for run, state in said}
        for row in self.result_list:
            row.scheduled = scheduled
            row.last = shown.get(row.last_pk)


def _last(name: str) -> Subquery:
    """Return a field of the last archive run of the row's table."""
    runs = MaintenanceRun.objects.filter(
        operation=Operation.ARCHIVE, database=OuterRef("database"), target=OuterRef("table")
    )
    return Subquery(runs.order_by("-created_at", "-pk").values(name)[:1])


class ArchivesAdmin(HealthAdmin):
    """The archives of one database, those where most rows wait first."""

    list_display = (
        "model",
        "way",
        "keeps",
        "row_count",
        "archived",
        "waiting",
        "since",
        "next_time",
        "last_result",
    )
    list_filter: ClassVar = (StandingFilter, AppFilter)
    search_fields = ("model", "table", "archive_table")
    ordering = (Coalesce("eligible", _LEAST).desc(), "table")
    as_of_field = "looked_at"
    empty_hint = gettext_lazy(
        "No archive is known. Either no model has one, or nobody has looked: "
        "“manage.py db_stats --snapshot” does, and belongs into cron."
    )
    deeds = (ArchiveNow(), PurgeNow())
    detail_template = "admin/dbhealth/archive.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that tells the next run."""
        return ArchiveChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the archives, each with its last run."""
        names = {"last_pk": "pk", "last_state": "state", "last_at": "created_at"}
        found = {name: _last(field) for name, field in names.items()}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**found)
        return rows

    # The list

    @admin.display(description=gettext_lazy("from, to"), ordering="table")
    def way(self, row: TrackedArchive) -> SafeString:
        """Return the two tables, which may be broken where their names have words."""
        parts = ((part, "") for part in str(row).replace("_", "_\n").split("\n"))
        return format_html_join(SafeString("<wbr>"), "{}{}", parts)

    @admin.display(description=gettext_lazy("keeps"), ordering=Coalesce("retention", _NO_TIME))
    def keeps(self, row: TrackedArchive) -> str:
        """Return how long rows stay in the table."""
        return archive_page.span(row.retention, _("as long as its parents"))

    keeps.csv_value = "retention"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("rows"), ordering=Coalesce("rows", _LEAST))
    def row_count(self, row: TrackedArchive) -> str:
        """Return how many rows the table has."""
        return archive_page.counted(row, row.rows)

    row_count.csv_value = "rows"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("archived"), ordering=Coalesce("archive_rows", _LEAST))
    def archived(self, row: TrackedArchive) -> str:
        """Return how many rows the archive has."""
        return archive_page.counted(row, row.archive_rows)

    archived.csv_value = "archive_rows"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("waiting"), ordering=Coalesce("eligible", _LEAST))
    def waiting(self, row: TrackedArchive) -> str | SafeString:
        """Return how many rows may leave, and what keeps that from being known."""
        if row.error:
            return badge(_("error"), "error")
        late = badge(_("not counted in time"), "warning") if row.is_late else ""
        return format_html("{} {}", number(row.eligible), late)

    waiting.csv_value = "eligible"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("oldest"), ordering=Coalesce("oldest", _NEVER))
    def since(self, row: TrackedArchive) -> str | SafeString:
        """Return how old the oldest row of the table is."""
        return as_of(row.oldest)

    since.csv_value = "oldest"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("next run"))
    def next_time(self, row: Any) -> str | SafeString:
        """Return when cron archives the table next."""
        if row.retention is None:
            return _("with its parents") if row.parents else UNKNOWN
        return archive_page.planned(row.scheduled)

    next_time.csv = False  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("last run"), ordering=Coalesce("last_at", _NEVER))
    def last_result(self, row: Any) -> str | SafeString:
        """Return what became of the last run, as a link to it."""
        if row.last is None:
            return UNKNOWN
        run, state = row.last
        said = format_html("{} {} {}", state, number(run.rows_done), as_of(run.created_at))
        address = address_of(self.admin_site, run)
        return format_html('<a href="{}">{}</a>', address, said) if address else said

    last_result.csv_value = "last_state"  # type: ignore[attr-defined]

    # One archive

    def detail(self, request: HttpRequest, obj: TrackedArchive) -> dict[str, Any]:
        """Return what is known of one archive."""
        archive = archive_of(obj)
        buttons = doing.buttons(self, request, obj)
        if archive is not None:
            look = {"label": _("Look what would go"), "url": self.link(obj, "plan")}
            buttons = [look, *buttons] if obj.retention is not None else buttons
            if may_read(request, archive.model):
                label = _("Browse the archive")
                buttons = [*buttons, {"label": label, "url": self.link(obj, "rows")}]
        found = archive_page.detail(self.admin_site, obj, archive)
        can_restore = may(request, Permission.RESTORE)
        return {**found, "buttons": buttons, "can_restore": can_restore}

    def get_urls(self) -> list[Any]:
        """Return the pages, the plan's and those of the archived rows included."""
        wrap, name = self.admin_site.admin_view, f"dbhealth_{self.opts.model_name}"
        return [
            path("<path:object_id>/plan/", wrap(self.plan_view), name=f"{name}_plan"),
            path("<path:object_id>/rows/", wrap(self.rows_view), name=f"{name}_rows"),
            path("<path:object_id>/rows/<path:key>/", wrap(self.rows_view)),
            *super().get_urls(),
        ]

    def plan_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Show what an archive run would do now."""
        ensure(request, Permission.VIEW)
        return self.told(request, lambda: self._plan(request, object_id))

    def _plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(request, object_id)
        plans = doing.plans_of(ArchiveNow(), request, row.database, [row], {})
        context = {
            **self.page_context(request),
            "title": _("What would go: %s") % row.table,
            "object": row,
            "back_url": self.link(row),
            "buttons": [
                button
                for button in doing.buttons(self, request, row)
                if button["name"] == ArchiveNow.name
            ],
            "plans": plans,
        }
        return TemplateResponse(request, "admin/dbhealth/archive_plan.html", context)

    def rows_view(self, request: HttpRequest, object_id: str, key: str = "") -> HttpResponseBase:
        """Show the rows of the archive, or one of them."""
        row = self._row(request, object_id)
        archive = archive_of(row)
        if archive is None:
            raise Http404(_("The code declares no archive of %s any more.") % row.table)
        return rows_view(self, request, row, archive, key)

    def _row(self, request: HttpRequest, object_id: str) -> TrackedArchive:
        rows = TrackedArchive.objects.using(alias_of(request)).filter(database=alias_of(request))
        row = rows.filter(pk=object_id).first() if object_id.isdecimal() else None
        if row is None:
            raise Http404(_("There is no such archive."))
        return row
