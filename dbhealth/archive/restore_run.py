"""Restore one table: the call as the frame of verbs wants it, and its dry run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbhealth.archive.batches import Bounds
from dbhealth.archive.others import beside_restoring
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_move import Restorer
from dbhealth.archive.restore_obstacles import structural_refusals
from dbhealth.archive.restore_plan import RestorePlan, make_plan
from dbhealth.archive.restore_results import RestoredTable, empty_entry
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.archive.verb import VerbRun
from dbhealth.backends import Backend, get_backend
from dbhealth.backends.limits import batch_limits
from dbhealth.backends.selection import Selection
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import Refusal, Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import Order, carries_on, standing
from dbhealth.runs.log import patiently
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


def make_order(
    archive: Archive, backend: Backend, wanted: Wanted, circumstances: Circumstances
) -> Order:
    """Return what the run log is told of a call."""
    names = ("batch_size", "max_rows", "max_runtime")
    return Order(
        operation=Operation.RESTORE,
        backend=backend,
        target=archive.table,
        terms=wanted.terms(archive),
        options={name: value for name in names if (value := getattr(wanted, name))},
        trigger=circumstances.trigger,
        started_by=circumstances.started_by,
        resumes=circumstances.resumes,
    )


def with_plan(result: RestoredTable, plan: RestorePlan) -> RestoredTable:
    """Return the result with what the plan says."""
    result["rows_eligible"] = plan.survey.eligible if plan.survey else None
    result["notes"] = list(plan.notes)
    result["conflicts"] = list(plan.conflicts)
    result["refusals"] = [refusal.as_dict() for refusal in plan.refusals]
    return result


class RestoreRun(VerbRun[RestorePlan]):
    """Brings the chosen rows of one table back."""

    operation = Operation.RESTORE

    def __init__(
        self, archive: Archive, alias: str, wanted: Wanted, circumstances: Circumstances
    ) -> None:
        """Take what is needed; nothing is written yet."""
        self.entry = empty_entry(archive, alias, "failed")
        super().__init__(archive, alias, circumstances, self.entry, max_rows=wanted.max_rows)
        self.wanted = wanted
        self._restorer: Restorer | None = None

    def ensure_possible(self) -> None:
        """Let every archive through: the policy says what leaves, not what comes back."""

    def order(self, backend: Backend) -> Order:
        """Return what the run log is told of this call."""
        return make_order(self.archive, backend, self.wanted, self.circumstances)

    def structural(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return what is wrong with the tables themselves."""
        return structural_refusals(self.archive, backend)

    def plan(self, backend: Backend, waiting: MaintenanceRun | None) -> RestorePlan:
        """Look at the tables and return the plan."""
        plan = make_plan(self.archive, backend, self.wanted)
        with_plan(self.entry, plan)
        return plan

    def beside(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return the refusals while other verbs are at work on the rows."""
        return beside_restoring(self.archive, backend)

    def batches(self, plan: RestorePlan, hold: Hold, bounds: Bounds) -> Restorer:
        """Return the loop that brings the rows back; first let the sequences go ahead of them."""
        around, backend, restoration = self.circumstances, hold.backend, plan.restoration
        if restoration is not None and plan.expected:
            moved = patiently(
                backend, lambda: backend.restoring.advance(restoration, batch_limits())
            )
            self.entry["notes"] += [
                _(
                    "The sequence {sequence} goes on behind the keys that come back.",
                    sequence=name.replace(chr(34), ""),
                )
                for name in moved
            ]
        self._restorer = Restorer(
            plan, hold, bounds=bounds, progress=around.progress, stop=around.stop
        )
        return self._restorer

    def _outcome(self, reason: str) -> dict[str, Any]:
        if not reason:
            self._note_missing()
        facts = super()._outcome(reason)
        if self._restorer is None or not self.wanted.skip_conflicts:
            return facts
        if not reason:
            self.entry["rows_left_conflicts"] = self._restorer.left()
        kinds = [f"{entry['kind']}: {entry['subject']}" for entry in self.entry["conflicts"]]
        left = self.entry["rows_left_conflicts"]
        return {**facts, "rows_left_conflicts": left, "conflicts": kinds}

    def _note_missing(self) -> None:
        """Say so when chosen rows have gone from the archive since they were counted."""
        if self._restorer is None or self.wanted.skip_conflicts:
            return
        missing = self._restorer.plan.expected - self._restorer.pace.rows
        if missing > 0:
            self._restorer.notes.append(
                _(
                    "{missing:,} of the chosen rows had gone from {archive_table} before they "
                    "could come back: somebody has deleted, purged or restored them meanwhile.",
                    missing=missing,
                    archive_table=self.archive.archive_table,
                )
            )
            self.entry["notes"] += self._restorer.notes


def preview(
    archive: Archive,
    alias: str,
    wanted: Wanted,
    others: Mapping[str, Selection] | None = None,
) -> tuple[RestoredTable, RestorePlan]:
    """Return what a run would do, and its plan; writes nothing, not even a run."""
    backend = get_backend(alias)
    # With several tables the real run looks like this as well, before it begins.
    plan = patiently(
        backend,
        lambda: make_plan(archive, backend, wanted, others),
        only=Trouble.LOCK_TIMEOUT,
    )
    result = with_plan(empty_entry(archive, alias, "planned"), plan)
    _stand(result, make_order(archive, backend, wanted, Circumstances()))
    result["plan"] = plan.shown(backend)
    if plan.survey:
        result["rows_left_conflicts"] = plan.survey.eligible - plan.expected
    if result["refusals"]:
        result["state"] = "refused"
        result["error"] = "\n".join(str(Refusal(**refusal)) for refusal in result["refusals"])
    return result, plan


def _stand(result: RestoredTable, order: Order) -> None:
    """Put into the result the run that would be carried on with, and the refusal while one is
    active."""
    if any(refusal["code"] == "run-log-missing" for refusal in result["refusals"]):
        return
    try:
        run = standing(order)
    except Refused as refused:
        result["refusals"] = [*(each.as_dict() for each in refused.refusals), *result["refusals"]]
        return
    if run is not None and carries_on(order, run):
        result["resumed"] = True
        note = ngettext(
            "Run {pk} stopped after {number:,} row; it would be carried on with.",
            "Run {pk} stopped after {number:,} rows; it would be carried on with.",
            run.rows_done,
            pk=run.pk,
        )
        result["notes"] = [note, *result["notes"]]
