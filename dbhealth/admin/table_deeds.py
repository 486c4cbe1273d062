"""What can be done for tables: vacuum, analyze, rebuild their indexes. Each has its own right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth import starting
from dbhealth.admin.actions import Options, Plan, RunAction
from dbhealth.admin.format import size
from dbhealth.admin.permissions import Permission
from dbhealth.backends import get_backend
from dbhealth.backends.upkeep import Room
from dbhealth.maintenance.models import TrackedTable
from dbhealth.maintenance.plan import Asked, VacuumPlan, make_plan
from dbhealth.runs.models import MaintenanceRun
from dbhealth.starting import Asker


class Upkeep(RunAction):
    """Something that ``vacuum`` does to the tables that are chosen."""

    asked: ClassVar[Asked]
    """What is asked of it; the tables come later."""
    sentence: ClassVar[Any]
    """What is done to how many tables, by their names."""

    def question(self, objects: Sequence[Any]) -> str:
        """Return what will be done to which tables."""
        return str(self.sentence) % ", ".join(row.table for row in objects)

    def why_not(self, obj: TrackedTable) -> str:
        """Return why a run cannot take it."""
        if obj.kind in ("table", "partitioned table"):
            return ""
        return _("It is a %s: only its owner's own statements see to it.") % obj.kind

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the plan of the run."""
        names = tuple(row.table for row in objects)
        plan = make_plan(get_backend(alias), replace(self.asked, tables=names))
        statements = [told for step in plan.steps for told in step.as_dicts()]
        figures = [
            (_("Tables"), len(plan.needs)),
            (_("Statements"), len(statements)),
            *self.figures(objects, plan),
            *((_("Free disk"), text) for text in _rooms(plan.rooms)),
        ]
        return [
            {
                "figures": figures,
                "refusals": [refusal.as_dict() for refusal in plan.refusals],
                "notes": plan.notes,
                "statements": statements,
            }
        ]

    def figures(self, objects: Sequence[Any], plan: VacuumPlan) -> list[tuple[str, Any]]:
        """Return further figures of the plan, each with its label."""
        if len(plan.needs) == 1 and plan.needs[0].why:
            return [(_("Why now"), plan.needs[0].why)]
        return []

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue one run for all of them; it takes the neediest first."""
        names = [row.table for row in objects]
        return [starting.vacuum(alias, asker, names, self.asked)]


class Vacuum(Upkeep):
    """VACUUM and ANALYZE."""

    name = "vacuum"
    label = gettext_lazy("Vacuum")
    permission = Permission.VACUUM
    asked = Asked()
    sentence = gettext_lazy(
        "The room of dead rows becomes usable again, and the planner's statistics new: %s."
    )


class Analyze(Upkeep):
    """ANALYZE."""

    name = "analyze"
    label = gettext_lazy("Analyze")
    permission = Permission.ANALYZE
    asked = Asked(analyze_only=True)
    sentence = gettext_lazy("The planner's statistics become new: %s.")


class Reindex(Upkeep):
    """REINDEX, beside readers and writers where the engine can do that."""

    name = "reindex"
    label = gettext_lazy("Rebuild indexes")
    permission = Permission.REINDEX
    asked = Asked(reindex_only=True)
    sentence = gettext_lazy("All indexes are built anew, one after the other: %s.")

    def figures(self, objects: Sequence[Any], plan: VacuumPlan) -> list[tuple[str, Any]]:
        """Return how large the indexes are: the largest is there twice for a while."""
        known = [row.index_bytes for row in objects if row.index_bytes is not None]
        return [(_("Size of the indexes"), size(sum(known)))] if known else []


def _rooms(rooms: Sequence[Room]) -> Iterator[str]:
    for room in rooms:
        needed = _("up to %(needed)s on %(place)s") % {
            "needed": size(room.needed),
            "place": room.place,
        }
        free = _("nobody can tell from here how much is free")
        if room.free is not None:
            free = _("%s are free") % size(room.free)
        yield f"{needed}; {free}"
