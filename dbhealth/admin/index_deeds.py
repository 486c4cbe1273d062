"""What can be done for indexes: make a missing one, rebuild an invalid or a bloated one.

Nothing here drops an index.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

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
from dbhealth.saying import joined
from dbhealth.starting import Asker


def _tables(objects: Sequence[Any]) -> list[str]:
    return sorted({row.table for row in objects})


def _names(objects: Sequence[Any]) -> tuple[str, ...]:
    return tuple(row.name for row in objects)


def _page(plan: Any, figures: list[tuple[str, Any]], notes: Sequence[str] = ()) -> list[Plan]:
    """Return a plan of steps for the page; one without any step is refused."""
    refusals = [refusal.as_dict() for refusal in plan.refusals]
    if not plan.steps and not refusals:
        what = _("There is nothing to do.")
        refusals = [{"what": what, "why": joined(notes, " ")}]
    statements = [told for step in plan.steps for told in step.as_dicts()]
    return [{"figures": figures, "refusals": refusals, "notes": notes, "statements": statements}]


class IndexAction(RunAction):
    """Something that is done to indexes by name, and to no other one of their tables."""

    sentence: ClassVar[Any]
    """What is done to which indexes."""

    def question(self, objects: Sequence[Any]) -> str:
        """Return what will be done to which indexes."""
        return str(self.sentence) % ", ".join(map(str, objects))

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the plan of the run; where it cannot be done to one of them, why."""
        refused = [{"what": f"{row}:", "why": why} for row in objects if (why := self.why_not(row))]
        return [{"refusals": refused}] if refused else self.planned(alias, objects)

    @abstractmethod
    def planned(self, alias: str, objects: Sequence[Any]) -> list[Plan]:
        """Return the plan of the run."""

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue one run for all of them. Raises UsageError where one cannot be taken."""
        for row in objects:
            if why := self.why_not(row):
                raise UsageError(f"{row}: {why}")
        return [self.ordered(alias, objects, asker)]

    @abstractmethod
    def ordered(self, alias: str, objects: Sequence[Any], asker: Asker) -> MaintenanceRun:
        """Return the queued run."""


class Build(IndexAction):
    """Something that ``init_indexes`` does to indexes."""

    permission = Permission.BUILD

    def planned(self, alias: str, objects: Sequence[Any]) -> list[Plan]:
        """Return the plan of the run; the tables are analyzed after it."""
        names = scope(alias, _tables(objects))[alias]
        asked = build_plan.Asked(tables=names, indexes=_names(objects))
        plan = build_plan.make_plan(get_backend(alias), asked)
        return _page(plan, self.figures(objects))

    def figures(self, objects: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return what tells how long it may take."""
        return []

    def ordered(self, alias: str, objects: Sequence[Any], asker: Asker) -> MaintenanceRun:
        """Return the queued run."""
        return starting.init_indexes(alias, asker, _tables(objects), indexes=_names(objects))


class Create(Build):
    """Make declared indexes that are missing."""

    name = "create"
    label = gettext_lazy("Create")
    sentence = gettext_lazy("Indexes are made as the code declares them: %s.")

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


class Rebuild(Build):
    """Build again what a failed build has left behind."""

    name = "rebuild-invalid"
    label = gettext_lazy("Rebuild invalid")
    sentence = gettext_lazy("Indexes that no query uses are built again: %s.")

    def why_not(self, obj: TrackedIndex) -> str:
        """Return why it cannot be done, or why there is no need of it."""
        if obj.state != IndexState.INVALID:
            return _("It is not invalid.")
        if not obj.kind:
            return _("Nobody declares it: it is to be dropped, as its page shows.")
        return ""


class Reindex(IndexAction):
    """Build indexes anew, beside readers and writers where the engine can do that."""

    name = "reindex"
    label = gettext_lazy("Rebuild")
    permission = Permission.REINDEX
    sentence = gettext_lazy("Indexes are built anew, one after the other: %s.")

    def why_not(self, obj: TrackedIndex) -> str:
        """Return why it cannot be done."""
        if obj.state == IndexState.THERE:
            return ""
        if obj.state == IndexState.INVALID:
            return _("It is invalid: “Rebuild invalid” sees to it.")
        return _("It is not there, or being built.")

    def planned(self, alias: str, objects: Sequence[Any]) -> list[Plan]:
        """Return the plan of the run."""
        plan = upkeep.make_plan(get_backend(alias), self._asked(objects, tuple(_tables(objects))))
        known = [row.bytes for row in objects if row.bytes is not None]
        figures = [(_("Size of the indexes"), size(sum(known)))] if known else []
        return _page(plan, figures, plan.notes)

    def _asked(self, objects: Sequence[Any], tables: tuple[str, ...] | None) -> upkeep.Asked:
        return upkeep.Asked(reindex_only=True, tables=tables, indexes=_names(objects))

    def ordered(self, alias: str, objects: Sequence[Any], asker: Asker) -> MaintenanceRun:
        """Return the queued run."""
        return starting.vacuum(alias, asker, _tables(objects), self._asked(objects, None))
