"""One table: plan, claim, move, record."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from django.db import DatabaseError, connections

from dbhealth.archive import refusals
from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.move import Bounds, Mover
from dbhealth.archive.obstacles import structural_refusals
from dbhealth.archive.plan import ArchivePlan, Asked, make_plan
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import TableResult
from dbhealth.backends import Backend, get_backend
from dbhealth.exceptions import DBHealthError, Refusal, Refused
from dbhealth.runs.claim import (
    Order,
    begin,
    fail_to_begin,
    give_up,
    refuse,
    resume,
    unfinished,
)
from dbhealth.runs.clock import aware, kept
from dbhealth.runs.log import patiently
from dbhealth.runs.models import MaintenanceRun, Operation, Trigger
from dbhealth.runs.progress import Progress, Silent
from dbhealth.runs.runner import Hold, held
from dbhealth.runs.states import State
from dbhealth.runs.stopping import StopRequest


@dataclass(kw_only=True)
class Circumstances:
    """Who asks for an archive call, who listens, and when it has to end."""

    trigger: Trigger = Trigger.API
    started_by: str = ""
    progress: Progress = field(default_factory=Silent)
    stop: StopRequest = field(default_factory=StopRequest)
    deadline: float | None = None


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


def cutoff_of(run: MaintenanceRun | None) -> datetime | None:
    """Return the cutoff of a run that is carried on with, aware."""
    return aware(run.cutoff) if run is not None and run.cutoff else None


def make_order(
    archive: Archive, backend: Backend, asked: Asked, circumstances: Circumstances
) -> Order:
    """Return what the run log is told of a call."""
    policy = archive.policy
    retention = asked.retention if asked.retention is not None else policy.retention
    limits = {"max_rows": asked.max_rows, "max_runtime": asked.max_runtime}
    return Order(
        operation=Operation.ARCHIVE,
        backend=backend,
        target=archive.table,
        terms={
            "archive": archive.archive_table,
            "timestamp_field": policy.timestamp_field,
            "retention_seconds": retention.total_seconds(),
            "where": None if policy.where is None else str(policy.where),
        },
        options={name: value for name, value in limits.items() if value is not None},
        trigger=circumstances.trigger,
        started_by=circumstances.started_by,
    )


def with_plan(result: TableResult, plan: ArchivePlan) -> TableResult:
    """Return the result with what the plan says."""
    result["cutoff"] = plan.cutoff.isoformat()
    result["rows_eligible"] = plan.eligible if plan.survey else None
    result["notes"] = list(plan.notes)
    result["refusals"] = [refusal.as_dict() for refusal in plan.refusals]
    return result


class TableRun:
    """The real run on one table. ``result`` tells the truth at any moment, also after an error."""

    def __init__(
        self, archive: Archive, alias: str, asked: Asked, circumstances: Circumstances
    ) -> None:
        """Take what is needed; nothing is written yet."""
        self.archive, self.alias, self.asked = archive, alias, asked
        self.circumstances = circumstances
        self.result = empty_result(archive, alias, "failed")
        self._mover: Mover | None = None

    def execute(self) -> TableResult:
        """Move the eligible rows.

        Raises Refused when the run may not begin, LostOwnership when somebody took it over, and
        whatever error ended it; the run log has it in each case that it could be written.
        """
        began = time.monotonic()
        try:
            self._execute(get_backend(self.alias))
        except Refused as refused:
            self.result["state"] = "refused"
            self.result["refusals"] = [refusal.as_dict() for refusal in refused.refusals]
            self.result["error"] = str(refused)
            raise
        except KeyboardInterrupt:
            self.result["state"] = str(State.INTERRUPTED)
            raise
        except Exception as error:
            ours = isinstance(error, DBHealthError)
            self.result["error"] = str(error) if ours else f"{type(error).__name__}: {error}"
            raise
        finally:
            self.result["seconds"] = round(time.monotonic() - began, 3)
            self._count()
        return self.result

    def _count(self) -> None:
        if self._mover is None:
            return
        pace = self._mover.pace
        self.result["rows"], self.result["batches"] = pace.rows, pace.batches
        self.result["rows_left_locked"] = self._mover.left_locked
        rate = pace.per_second
        self.result["rows_per_second"] = None if rate is None else round(rate, 1)

    def _execute(self, backend: Backend) -> None:
        if _in_transaction(self.alias):
            raise Refused([refusals.nested_transaction(self.alias)])
        ensure_declared_right(self.archive)
        order = make_order(self.archive, backend, self.asked, self.circumstances)
        if found := structural_refusals(self.archive, backend):
            self._refuse(order, found)
        waiting = patiently(backend, lambda: unfinished(order))
        plan = self._plan(backend, order, waiting)
        try:
            run = patiently(backend, lambda: self._claim(order, plan, waiting))
        except DatabaseError as error:
            fail_to_begin(order, error)
            raise
        self.result["run"] = run.pk
        self.result["resumed"] = waiting is not None
        with held(Hold(backend, run)) as hold:
            self._move(plan, hold)

    def _refuse(self, order: Order, found: tuple[Refusal, ...]) -> NoReturn:
        refused = Refused(found)
        # The run log itself may be what is missing.
        if not any(refusal.code == "run-log-missing" for refusal in found):
            self.result["run"] = refuse(order, refused).pk
        raise refused

    def _plan(self, backend: Backend, order: Order, waiting: MaintenanceRun | None) -> ArchivePlan:
        try:
            plan = make_plan(self.archive, backend, self.asked, cutoff=cutoff_of(waiting))
        except DatabaseError as error:
            if waiting is None:
                fail_to_begin(order, error)
            raise
        with_plan(self.result, plan)
        if plan.refusals:
            refused = Refused(plan.refusals)
            # One that waits to be carried on with stays the latest run of its table.
            if waiting is None:
                self.result["run"] = refuse(order, refused, cutoff=kept(plan.cutoff)).pk
            raise refused
        return plan

    def _claim(
        self, order: Order, plan: ArchivePlan, waiting: MaintenanceRun | None
    ) -> MaintenanceRun:
        if waiting is not None:
            return resume(order, waiting)
        give_up(order)
        return begin(order, cutoff=kept(plan.cutoff), rows_expected=plan.eligible)

    def _move(self, plan: ArchivePlan, hold: Hold) -> None:
        progress = self.circumstances.progress
        bounds = Bounds(rows=self.asked.max_rows, deadline=self.circumstances.deadline)
        self._mover = Mover(
            plan, hold, bounds=bounds, progress=progress, stop=self.circumstances.stop
        )
        progress.start(self.archive.table, _expected(plan.eligible, self.asked.max_rows))
        try:
            state, reason = self._mover.work()
        finally:
            progress.finish()
        self.result["stopped"] = reason
        hold.end(state, result=self._outcome(reason))
        self.result["state"] = str(state)

    def _outcome(self, reason: str) -> dict[str, Any]:
        self._count()
        names = ("rows", "batches", "rows_per_second", "rows_left_locked")
        facts = {name: self.result[name] for name in names}  # type: ignore[literal-required]
        return {**facts, "stopped": reason}


def _expected(eligible: int, bound: int | None) -> int:
    return eligible if bound is None else min(eligible, bound)


def _in_transaction(alias: str) -> bool:
    """Return whether the caller has a transaction open, other than that of a Django TestCase."""
    connection = connections[alias]
    if not connection.in_atomic_block:
        # Without autocommit the connection is in a transaction from its first statement on.
        return not connection.get_autocommit()
    return not all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
