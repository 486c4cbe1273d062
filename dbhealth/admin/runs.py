"""Runs: what was done to the database, by whom, and what becomes of what is at work now."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin import run_actions
from dbhealth.admin.aliases import alias_of
from dbhealth.admin.archive_deeds import RestoreRun
from dbhealth.admin.archive_page import restore_buttons
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.format import as_of, duration, number
from dbhealth.admin.permissions import Permission, may
from dbhealth.admin.places import deed_on
from dbhealth.admin.run_control import name_of, seen
from dbhealth.admin.run_live import answer, live
from dbhealth.admin.run_pace import goal
from dbhealth.admin.run_report import report
from dbhealth.admin.run_state import HEAVY, Standing, standing
from dbhealth.backends import get_backend
from dbhealth.runs.models import MaintenanceRun

MOST_TARGETS = 200
"""So many tables are offered as a filter; the search finds any."""


class TargetFilter(admin.SimpleListFilter):
    """Chooses the table, out of those that have runs."""

    title = gettext_lazy("target")
    parameter_name = "target"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the tables; "*" is the whole database."""
        rows = model_admin.get_queryset(request).order_by("target")
        found = rows.values_list("target", flat=True).distinct()[:MOST_TARGETS]
        return [(table, _("the whole database") if table == "*" else table) for table in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the runs of the table."""
        return queryset.filter(target=self.value()) if self.value() else queryset


class RunAdmin(HealthAdmin):
    """The runs of one database, the newest first."""

    list_display = ("operation", "target", "standing", "rows", "started", "took", "who")
    list_display_links = ("operation", "target")
    list_filter: ClassVar = ("state", "operation", "trigger", TargetFilter)
    search_fields = ("=id", "target", "started_by", "error")
    search_sensitive: ClassVar = frozenset({"error"})
    """What may name values of rows is searched by those alone who may see it."""
    empty_hint = gettext_lazy(
        "Nothing has been done yet. Every “manage.py archive”, “vacuum” and the like leaves a run "
        "here; so does everything that is done on these pages."
    )
    deeds = (*run_actions.ALL, RestoreRun())
    detail_template = "admin/dbhealth/run.html"

    # The list

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return what is searched: nothing that the user does not see."""
        hidden = set() if may(request, Permission.SENSITIVE) else self.search_sensitive
        return [name for name in self.search_fields if name not in hidden]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; its rows know the clock of the database, which is asked once."""
        changelist = super().get_changelist_instance(request)
        now = get_backend(alias_of(request)).session.now()
        changelist.result_list = list(changelist.result_list.defer(*HEAVY))
        for run in changelist.result_list:
            vars(run)["_seen"] = standing(run, now)
        return changelist

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def standing(self, run: MaintenanceRun) -> str | SafeString:
        """Return the state in a box; a dead process shows."""
        return seen(run).badge

    standing.csv_value = "state"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("rows"), ordering="rows_done")
    def rows(self, run: MaintenanceRun) -> str:
        """Return the rows that are done, of how many while it is not over."""
        done, whole = number(run.rows_done), goal(run)
        if whole is None or seen(run).has_ended:
            return done
        return _("%(done)s of %(whole)s") % {"done": done, "whole": number(whole)}

    rows.csv_value = "rows_done"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("started"), ordering="created_at")
    def started(self, run: MaintenanceRun) -> str | SafeString:
        """Return when it began, or was asked for."""
        return as_of(run.started_at or run.created_at)

    started.csv_value = "created_at"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("took"))
    def took(self, run: MaintenanceRun) -> str:
        """Return how long it took, or has been at work."""
        return duration(seen(run).seconds)

    took.csv_value = "seconds"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("started by"), ordering="started_by")
    def who(self, run: MaintenanceRun) -> str:
        """Return who or what has started it."""
        return run.started_by or run.get_trigger_display()

    who.csv_value = "started_by"  # type: ignore[attr-defined]

    # One run

    def detail(self, request: HttpRequest, obj: MaintenanceRun) -> dict[str, Any]:
        """Return what the page of a run shows."""
        at = seen(obj)
        return {
            **live(at),
            **self._ends(request, obj),
            "title": name_of(obj).capitalize(),
            "say": answer(at)["say"],
            "ask_again": at.ask_again,
            "progress_url": self.link(obj, "progress"),
            "buttons": self._buttons(request, at),
            "about": _about(obj),
        }

    def _ends(self, request: HttpRequest, run: MaintenanceRun) -> dict[str, Any]:
        return {"report": report(run, sensitive=may(request, Permission.SENSITIVE)), "run": run}

    def _buttons(self, request: HttpRequest, at: Standing) -> list[dict[str, Any]]:
        where = partial(deed_on, self.admin_site, self.model)
        run = at.run
        found = run_actions.buttons(request, at, lambda name: where(name, run.database, run.pk))
        if at.has_ended:
            found += restore_buttons(self.admin_site, request, run)
        return found

    # Its progress

    def get_urls(self) -> list[Any]:
        """Return the pages, and the address that tells how far a run is."""
        own = path(
            "<int:pk>/progress/",
            self.admin_site.admin_view(self.progress_view),
            name="dbhealth_maintenancerun_progress",
        )
        return [own, *super().get_urls()]

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Return how far a run is, as JSON, with the parts of its page that have changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.bounded(request, lambda: self._progress(request, pk))

    def _progress(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        run = self.get_queryset(request).filter(pk=pk).first()
        if run is None:
            raise Http404(_("There is no such run."))
        at = seen(run)
        shown = {"buttons": self._buttons(request, at)}
        facts = answer(at)
        facts["buttons"] = render_to_string("admin/dbhealth/run_buttons.html", shown)
        if at.has_ended:
            parts = self._ends(request, run)
            facts["ends"] = render_to_string("admin/dbhealth/run_ends.html", parts)
        return JsonResponse(facts)


def _about(run: MaintenanceRun) -> list[tuple[str, Any]]:
    by = f"{run.started_by} ({run.get_trigger_display()})" if run.started_by else None
    found = [
        (_("Started by"), by or run.get_trigger_display()),
        (_("Asked for"), as_of(run.created_at)),
    ]
    moments = [
        (_("Started"), run.started_at),
        (_("Finished"), run.finished_at),
        (_("Rows older than"), run.cutoff),
    ]
    return found + [(label, as_of(moment)) for label, moment in moments if moment is not None]
