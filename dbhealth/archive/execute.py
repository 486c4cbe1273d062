"""Archive one table: the call as the frame of verbs wants it."""

from __future__ import annotations

from dbhealth.archive.batches import Bounds
from dbhealth.archive.family import ensure_leaves_alone, members_of
from dbhealth.archive.move import Mover
from dbhealth.archive.obstacles import Structure, structure_of
from dbhealth.archive.others import beside_archiving
from dbhealth.archive.plan import ArchivePlan, Asked, make_plan
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import TableResult
from dbhealth.archive.verb import VerbRun, cutoff_of
from dbhealth.backends import Backend
from dbhealth.exceptions import Refusal
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import (
    Order,
)
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold


def empty_result(archive: Archive, alias: str, state: str) -> TableResult:
    """Return the result of a table of which nothing is known yet."""
    return TableResult(
        table=archive.table,
        model=archive.label,
        archive_table=archive.archive_table,
        database=alias,
        state=state,
        run=None,
        resumed=False,
        cutoff=None,
        rows_eligible=None,
        rows=0,
        rows_by_table={},
        rows_left_locked=0,
        batches=0,
        seconds=0.0,
        rows_per_second=None,
        stopped="",
        notes=[],
        refusals=[],
        error="",
        plan=None,
    )


def make_order(
    archive: Archive, backend: Backend, asked: Asked, circumstances: Circumstances
) -> Order:
    """Return what the run log is told of a call."""
    policy = archive.policy
    retention = asked.retention if asked.retention is not None else archive.retention
    # What whoever resumes the run needs to ask for the same.
    names = ("batch_size", "max_rows", "max_runtime", "allow_emptying", "allow_clock_skew")
    return Order(
        operation=Operation.ARCHIVE,
        backend=backend,
        target=archive.table,
        terms={
            "archive": archive.archive_table,
            "timestamp_field": policy.timestamp_field,
            "retention_seconds": retention.total_seconds(),
            "where": None if policy.where is None else str(policy.where),
            "children": sorted(child.label for child in members_of(archive)[1:]),
            "children_newer": policy.children_newer,
        },
        options={name: value for name in names if (value := getattr(asked, name))},
        trigger=circumstances.trigger,
        started_by=circumstances.started_by,
        resumes=circumstances.resumes,
    )


def with_plan(result: TableResult, plan: ArchivePlan) -> TableResult:
    """Return the result with what the plan says."""
    result["cutoff"] = plan.cutoff.isoformat()
    result["rows_eligible"] = plan.expected if plan.survey else None
    result["notes"] = list(plan.notes)
    result["refusals"] = [refusal.as_dict() for refusal in plan.refusals]
    return result


class TableRun(VerbRun[ArchivePlan]):
    """Moves the eligible rows of one table."""

    operation = Operation.ARCHIVE

    def __init__(
        self, archive: Archive, alias: str, asked: Asked, circumstances: Circumstances
    ) -> None:
        """Take what is needed; nothing is written yet."""
        result = empty_result(archive, alias, "failed")
        super().__init__(archive, alias, circumstances, result, max_rows=asked.max_rows)
        self.asked = asked
        self._structure: Structure | None = None
        self._mover: Mover | None = None

    def ensure_possible(self) -> None:
        """Raise Refused where the archive is not one to be called for."""
        ensure_leaves_alone(self.archive)
        super().ensure_possible()

    def order(self, backend: Backend) -> Order:
        """Return what the run log is told of this call."""
        return make_order(self.archive, backend, self.asked, self.circumstances)

    def structural(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return what is wrong with the tables themselves."""
        self._structure = structure_of(self.archive, backend)
        return self._structure.refusals

    def plan(self, backend: Backend, waiting: MaintenanceRun | None) -> ArchivePlan:
        """Look at the table and return the plan."""
        # Once: whoever had to wait for a lock looks again, for what held it may have been DDL.
        structure, self._structure = self._structure, None
        cutoff = cutoff_of(waiting)
        plan = make_plan(self.archive, backend, self.asked, cutoff=cutoff, structure=structure)
        with_plan(self.result, plan)
        return plan

    def beside(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return the refusals while other verbs are at work on the rows."""
        return beside_archiving(self.archive, backend)

    def batches(self, plan: ArchivePlan, hold: Hold, bounds: Bounds) -> Mover:
        """Return the loop that moves the rows."""
        around = self.circumstances
        self._mover = Mover(plan, hold, bounds=bounds, progress=around.progress, stop=around.stop)
        return self._mover

    @property
    def moved(self) -> dict[str, int]:
        """Rows that this call has moved so far, by the table of their source."""
        return {} if self._mover is None else dict(self._mover.by_table)

    def count(self) -> None:
        """Put into ``result`` how far the work has come."""
        super().count()
        if self._mover is not None:
            self.result["rows_by_table"] = dict(self._mover.by_table)
            self.result["rows_left_locked"] = self._mover.left_locked
            fresh = [note for note in self._mover.notes if note not in self.result["notes"]]
            self.result["notes"] += fresh
