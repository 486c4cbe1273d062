"""One verb on one table: plan, claim, work in batches, record. Archive, restore and purge alike."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Generic, NoReturn, Protocol, TypeVar

from django.db import DatabaseError, InterfaceError

from dbhealth.archive import refusals
from dbhealth.archive.batches import Batches, Bounds
from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import TableResult
from dbhealth.archive.settling import settle
from dbhealth.backends import Backend, get_backend
from dbhealth.backends.trouble import Trouble
from dbhealth.clock import aware
from dbhealth.exceptions import DBHealthError, Refusal, Refused
from dbhealth.runs.circumstances import Circumstances, in_transaction
from dbhealth.runs.claim import (
    Order,
    begin,
    claiming,
    fail_to_begin,
    give_up,
    is_new,
    refuse,
    resume,
    standing,
    unfinished,
)
from dbhealth.runs.failures import told
from dbhealth.runs.log import patiently
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.queue import taking
from dbhealth.runs.runner import Hold, held
from dbhealth.runs.states import State


class VerbPlan(Protocol):
    """What every verb's plan tells the frame."""

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What stands in the way; with any of them the run does not begin."""

    @property
    def expected(self) -> int:
        """Rows that the run would move."""

    @property
    def facts(self) -> dict[str, Any]:
        """Fields of the MaintenanceRun that a new run begins with, such as ``cutoff``."""


PlanT = TypeVar("PlanT", bound=VerbPlan)
SeenT = TypeVar("SeenT")


def cutoff_of(run: MaintenanceRun | None) -> datetime | None:
    """Return the cutoff of a run that is carried on with, aware."""
    return aware(run.cutoff) if run is not None and run.cutoff else None


class VerbRun(ABC, Generic[PlanT]):
    """The real run on one table. ``result`` tells the truth at any moment, also after an error."""

    operation: ClassVar[Operation]

    def __init__(
        self,
        archive: Archive,
        alias: str,
        circumstances: Circumstances,
        result: TableResult,
        *,
        max_rows: int | None = None,
    ) -> None:
        """Take what is needed; nothing is written yet. ``result`` is an empty one, "failed"."""
        self.archive, self.alias = archive, alias
        self.circumstances, self.result = circumstances, result
        self.max_rows = max_rows
        self._batches: Batches | None = None

    def __str__(self) -> str:
        """Return whose run it is, for the log."""
        return f"{type(self).__name__} of {self.archive.table}"

    @abstractmethod
    def order(self, backend: Backend) -> Order:
        """Return what the run log is told of this call."""

    @abstractmethod
    def structural(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return what is wrong with the tables themselves, before any row is looked at."""

    @abstractmethod
    def plan(self, backend: Backend, waiting: MaintenanceRun | None) -> PlanT:
        """Look and return the plan, and put into ``result`` what it says; change nothing.

        ``waiting`` is the run that would be carried on with.
        """

    @abstractmethod
    def beside(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return the refusals while other verbs are at work on the rows."""

    @abstractmethod
    def batches(self, plan: PlanT, hold: Hold, bounds: Bounds) -> Batches:
        """Return the loop that does the work."""

    def ensure_possible(self) -> None:
        """Raise Refused where the archive is not declared right."""
        ensure_declared_right(self.archive)

    def execute(self) -> TableResult:
        """Do the work.

        Raises Refused when the run may not begin, LostOwnership when somebody took it over, and
        whatever error ended it; the run log has it in each case that it could be written.
        """
        began = time.monotonic()
        try:
            with taking(self.alias, self.circumstances.resumes):
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
            ours, begun = isinstance(error, DBHealthError), self._batches is not None
            self.result["error"] = str(error) if ours else told(error, self.alias, begun=begun)
            raise
        finally:
            self.result["seconds"] = round(time.monotonic() - began, 3)
            self.count()
            settle(self.operation, get_backend(self.alias), self.moved)
        return self.result

    @property
    def moved(self) -> dict[str, int]:
        """Rows that this call has moved so far, by the table of their source."""
        return {} if self._batches is None else {self.archive.table: self._batches.pace.rows}

    def count(self) -> None:
        """Put into ``result`` how far the work has come."""
        if self._batches is None:
            return
        pace = self._batches.pace
        self.result["rows"], self.result["batches"] = pace.rows, pace.batches
        rate = pace.per_second
        self.result["rows_per_second"] = None if rate is None else round(rate, 1)

    def _execute(self, backend: Backend) -> None:
        if in_transaction(self.alias):
            raise Refused([refusals.nested_transaction(self.alias)])
        self.ensure_possible()
        order = self.order(backend)
        if found := self._looked(order, lambda: self.structural(backend)):
            self._refuse(order, found)
        waiting = patiently(backend, lambda: unfinished(order))
        plan = self._planned(backend, order, waiting)
        try:
            run, found = patiently(backend, lambda: self._claim(order, plan, waiting))
        except DatabaseError as error:
            self._not_begun(order, error)
            raise
        if run is None:
            self._stand_back(order, plan, found, waiting)
        self.result["run"] = run.pk
        self.result["resumed"] = not is_new(waiting)
        with held(Hold(backend, run)) as hold:
            self._work(plan, hold)

    def _looked(self, order: Order, look: Callable[[], SeenT]) -> SeenT:
        """Return what ``look`` has seen. A lock costs it further tries, as it does a batch; no
        transaction is open while it waits."""
        try:
            return patiently(order.backend, look, only=Trouble.LOCK_TIMEOUT)
        except DatabaseError as error:
            self._not_begun(order, error)
            raise

    def _not_begun(self, order: Order, error: DatabaseError) -> None:
        """Record the error, unless a run waits: that one stays the latest of its table."""
        try:
            waits = standing(order) is not None
        except DBHealthError:
            return
        except (DatabaseError, InterfaceError):
            waits = False  # it will be logged, as nothing can be recorded
        if not waits:
            fail_to_begin(order, error)

    def _refuse(self, order: Order, found: tuple[Refusal, ...], **facts: Any) -> NoReturn:
        refused = Refused(found)
        # The run log itself may be what is missing; a run that is named keeps its own record.
        if order.resumes is None and not any(
            refusal.code == "run-log-missing" for refusal in found
        ):
            self.result["run"] = refuse(order, refused, **facts).pk
        raise refused

    def _planned(self, backend: Backend, order: Order, waiting: MaintenanceRun | None) -> PlanT:
        earlier = None if is_new(waiting) else waiting
        plan = self._looked(order, lambda: self.plan(backend, earlier))
        if plan.refusals:
            self._stand_back(order, plan, plan.refusals, waiting)
        return plan

    def _stand_back(
        self,
        order: Order,
        plan: PlanT,
        found: tuple[Refusal, ...],
        waiting: MaintenanceRun | None,
    ) -> NoReturn:
        # One that waits to be carried on with stays the latest run of its table.
        if waiting is not None:
            raise Refused(found)
        facts = {name: value for name, value in plan.facts.items() if name != "rows_expected"}
        self._refuse(order, found, **facts)

    def _claim(
        self, order: Order, plan: PlanT, waiting: MaintenanceRun | None
    ) -> tuple[MaintenanceRun | None, tuple[Refusal, ...]]:
        """Return the claimed run, or what stands in the way since the plan was made.

        Of two verbs that begin at the same moment the later one sees the run of the other here.
        """
        with claiming(order.backend):
            if found := self.beside(order.backend):
                return None, found
            if waiting is not None:
                return resume(order, waiting, **plan.facts), ()
            give_up(order)
            return begin(order, **plan.facts), ()

    def _work(self, plan: PlanT, hold: Hold) -> None:
        progress = self.circumstances.progress
        bounds = Bounds(rows=self.max_rows, deadline=self.circumstances.deadline)
        self._batches = self.batches(plan, hold, bounds)
        expected = plan.expected
        progress.start(
            self.archive.table,
            expected if self.max_rows is None else min(expected, self.max_rows),
        )
        try:
            state, reason = self._batches.work()
        finally:
            progress.finish()
        self.result["stopped"] = reason
        self.result["state"] = str(hold.end(state, result=self._outcome(reason)))

    def _outcome(self, reason: str) -> dict[str, Any]:
        self.count()
        names = ("rows", "batches", "rows_per_second", "rows_left_locked")
        facts = {name: self.result[name] for name in names}  # type: ignore[literal-required]
        notes = [] if self._batches is None else self._batches.notes
        return {**facts, "stopped": reason, **({"notes": notes} if notes else {})}
