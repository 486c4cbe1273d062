"""``vacuum``: VACUUM and ANALYZE in the order of need, inside a recorded run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from dbhealth.backends import Backend
from dbhealth.maintenance.plan import Asked, VacuumPlan, checked, make_plan
from dbhealth.maintenance.results import VacuumResults, empty_result, summarize
from dbhealth.maintenance.snapshots import renew_tables
from dbhealth.maintenance.steps import Vacuumer, still_to_do
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold
from dbhealth.runs.scope import scope
from dbhealth.runs.stepped import SteppedRun, result_of


def vacuum(
    using: str | None = None,
    *,
    tables: Sequence[str] | None = None,
    asked: Asked | None = None,
    dry_run: bool = False,
    circumstances: Circumstances | None = None,
) -> VacuumResults:
    """Vacuum and analyze tables, those that need it most first.

    ``using`` None: each database that models are routed to. ``tables`` are names of tables or
    app.Model, None: all of them. ``asked`` says how. A database or a table that fails does not keep
    the others from their turn; its entry says why.

    Raises UsageError for an unknown database or table, and for options that do not go together.
    """
    began, around = time.monotonic(), circumstances or Circumstances()
    how, found = checked(asked or Asked()), []
    for alias, names in scope(using, tables, any_table=True).items():
        run = VacuumRun(alias, replace(how, tables=names), around)
        found.append(result_of(run, dry=dry_run))
    return summarize(found, seconds=time.monotonic() - began, dry_run=dry_run)


def resume_vacuum(run: MaintenanceRun, circumstances: Circumstances) -> VacuumResults:
    """Carry on with a paused, interrupted or dead run, here and now."""
    began = time.monotonic()
    known, terms = {item.name for item in fields(Asked)}, run.options.get("terms", {})
    given = {name: value for name, value in terms.items() if name in known}
    for name in ("tables", "indexes"):
        if given.get(name) is not None:
            given[name] = tuple(given[name])
    asked = Asked(**given)
    around = replace(circumstances, resumes=run.pk)
    result = result_of(VacuumRun(run.database, asked, around), dry=False)
    return summarize([result], seconds=time.monotonic() - began, dry_run=False)


class VacuumRun(SteppedRun):
    """The real run on one database."""

    operation = Operation.VACUUM
    outcome = (*SteppedRun.outcome, "bytes_before", "bytes_after", "below_ratio")

    def __init__(self, alias: str, asked: Asked, circumstances: Circumstances) -> None:
        """Take what is needed; nothing is written yet."""
        super().__init__(alias, circumstances, empty_result(alias))
        self._asked = asked
        self._began_with: list[list[str]] = []

    def execute(self) -> None:
        """Do the work, and keep anew how the tables stand that were named."""
        super().execute()
        if self._asked.tables is not None:
            renew_tables(self.alias, {need["table"] for need in self.result["tables"]})

    def terms(self) -> dict[str, Any]:
        """Return everything that was asked: it decides what is done."""
        listed = {
            name: None if names is None else sorted(names)
            for name, names in (("tables", self._asked.tables), ("indexes", self._asked.indexes))
        }
        return asdict(self._asked) | listed

    def make_plan(self, backend: Backend, waiting: MaintenanceRun | None) -> VacuumPlan:
        """Return the steps; of a run that is carried on with, those that are left."""
        plan = make_plan(backend, self._asked)
        self._began_with = plan.order
        if waiting is not None:
            plan.steps = still_to_do(plan.steps, waiting)
            self._began_with = waiting.result.get("order", [])
        self.result["tables"] = [need.as_dict() for need in plan.needs]
        self.result["below_ratio"] = list(plan.below)
        self.result["refusals"] = [refusal.as_dict() for refusal in plan.refusals]
        self.result["notes"] = plan.notes
        self.result["bytes_before"] = backend.statistics.database_bytes()
        return plan

    def shown(self, plan: VacuumPlan) -> dict[str, Any]:
        """Return the plan with the order of need and the room that it takes."""
        return plan.as_dict()

    def facts(self, plan: VacuumPlan) -> dict[str, Any]:
        """Return the order, so that whoever carries on knows what is left of it."""
        return {"result": {"order": plan.order}}

    def stepper(self, plan: VacuumPlan, hold: Hold, waiting: MaintenanceRun | None) -> Vacuumer:
        """Return what does the steps."""
        cursor = waiting.cursor or [] if waiting is not None else []
        vacuumer = Vacuumer(plan.steps, hold, self.around, order=self._began_with, cursor=cursor)
        vacuumer.notes += plan.notes
        self._measure = hold.backend.statistics.database_bytes
        return vacuumer

    def _outcome(self) -> dict[str, Any]:
        self.result["bytes_after"] = self._measure()
        return super()._outcome() | {"order": self._began_with}
