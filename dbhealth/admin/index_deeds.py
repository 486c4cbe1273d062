"""What can be done for indexes: make a missing one, rebuild an invalid or a bloated one.

Nothing here drops an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth import starting
from dbhealth.admin.actions import Options, Plan, RunAction
from dbhealth.admin.format import number, size
from dbhealth.admin.permissions import Permission
from dbhealth.backends import get_backend
from dbhealth.exceptions import UsageError
from dbhealth.indexes import build_plan
from dbhealth.indexes.models import IndexState, MissingIndex, TrackedIndex
from dbhealth.maintenance import plan as upkeep
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.scope import scope
from dbhealth.starting import Asker


def _tables(objects: Sequence[Any]) -> list[str]:
    return sorted({row.table for row in objects})


def _names(objects: Sequence[Any]) -> tuple[str, ...]:
    return tuple(row.name for row in objects)


def _page(plan: Any, figures: list[tuple[str, Any]], notes: Sequence[str] = ()) -> list[Plan]:
    """Return a plan of steps for the page; one without any step is refused."""
    refusals = [refusal.as_dict() for refusal in plan.refusals]
    if not plan.steps and not refusals:
        what = _("There is nothing to do any more.")
        refusals = [{"what": what, "why": " ".join(notes)}]
    statements = [told for step in plan.steps for told in step.as_dicts()]
    return [{"figures": figures, "refusals": refusals, "notes": notes, "statements": statements}]


class Build(RunAction):
    """Something that ``init_indexes`` does to indexes that are named."""

    permission = Permission.BUILD

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the plan of the run; the tables are analyzed after it."""
        names = scope(alias, _tables(objects))[alias]
        asked = build_plan.Asked(tables=names, indexes=_names(objects))
        plan = build_plan.make_plan(get_backend(alias), asked)
        return _page(plan, self.figures(objects))

    def figures(self, objects: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return what tells how long it may take."""
        return []

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue one run for all of them."""
        names = _names(objects)
        return [starting.init_indexes(alias, asker, _tables(objects), indexes=names)]


class Create(Build):
    """Make declared indexes that are missing."""

    name = "create"
    label = gettext_lazy("Create")

    def question(self, objects: Sequence[Any]) -> str:
        """Return which indexes will be made."""
        return _("Indexes are made as the code declares them: %s.") % ", ".join(
            str(row) for row in objects
        )

    def why_not(self, obj: MissingIndex) -> str:
        """Return why it cannot be made from here."""
        if obj.code == "missing":
            return ""
        if obj.name:
            return _("A migration makes it: write it, where there is none, and apply it.")
        return _("No code declares it yet: do what “What to do” says first.")

    def figures(self, objects: Sequence[MissingIndex]) -> list[tuple[str, Any]]:
        """Return how many rows are read for it."""
        known = [row.rows for row in objects if row.rows is not None]
        return [(_("Rows of the tables"), number(sum(known)))] if known else []

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the plan; what no code declares has none."""
        if refused := [row for row in objects if self.why_not(row)]:
            return [
                {"refusals": [{"what": f"{row}:", "why": self.why_not(row)} for row in refused]}
            ]
        return super().plans(request, alias, objects, options)

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue one run for all of them. Raises UsageError for one that no code declares."""
        for row in objects:
            if why_not := self.why_not(row):
                raise UsageError(f"{row}: {why_not}")
        return super().queue(alias, objects, options, asker)


class Rebuild(Build):
    """Build again what a failed build has left behind."""

    name = "rebuild-invalid"
    label = gettext_lazy("Rebuild invalid")

    def question(self, objects: Sequence[Any]) -> str:
        """Return which indexes will be built again."""
        return _("Indexes that no query uses are built again: %s.") % ", ".join(
            str(row) for row in objects
        )

    def why_not(self, obj: TrackedIndex) -> str:
        """Return why there is no need of it."""
        return "" if obj.state == IndexState.INVALID else _("It is not invalid.")


class Reindex(RunAction):
    """Build indexes anew, beside readers and writers where the engine can do that."""

    name = "reindex"
    label = gettext_lazy("Rebuild")
    permission = Permission.REINDEX

    def question(self, objects: Sequence[Any]) -> str:
        """Return which indexes will be built anew."""
        return _("Indexes are built anew, one after the other: %s.") % ", ".join(
            str(row) for row in objects
        )

    def why_not(self, obj: TrackedIndex) -> str:
        """Return why it cannot be done."""
        if obj.state == IndexState.THERE:
            return ""
        if obj.state == IndexState.INVALID:
            return _("It is invalid: “Rebuild invalid” sees to it.")
        return _("It is not there, or being built.")

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the plan of the run."""
        plan = upkeep.make_plan(get_backend(alias), self._asked(objects, tuple(_tables(objects))))
        known = [row.bytes for row in objects if row.bytes is not None]
        figures = [(_("Size of the indexes"), size(sum(known)))] if known else []
        return _page(plan, figures, plan.notes)

    def _asked(self, objects: Sequence[Any], tables: tuple[str, ...] | None) -> upkeep.Asked:
        return upkeep.Asked(reindex_only=True, tables=tables, indexes=_names(objects))

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue one run for all of them."""
        asked = self._asked(objects, None)
        return [starting.vacuum(alias, asker, _tables(objects), asked)]
