"""The frame of a run that works through a whole database in steps: indexes, upkeep.

It looks whether it may begin, makes its plan, claims its run and ends it; the work itself is in
``stepper``. What differs between the verbs is in their subclasses.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from django.db import DatabaseError

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.steps import Step
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import DBHealthError, Refusal, Refused
from dbhealth.runs import failures
from dbhealth.runs import step_refusals as refusals
from dbhealth.runs.circumstances import Circumstances, in_transaction
from dbhealth.runs.claim import Order, begin, fail_to_begin, give_up, is_new, resume, unfinished
from dbhealth.runs.log import patiently
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.queue import taking
from dbhealth.runs.runner import Hold, held
from dbhealth.runs.states import State
from dbhealth.runs.stepper import Stepper

logger = logging.getLogger("dbhealth.runs")

EVERYTHING = "*"
"""The target of these runs: one of a kind is at work on a database at a time."""


class StepPlan(Protocol):
    """Steps in their order, and what will not be done and why."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is to be done."""

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What is left undone; the run fails for it after it has done the rest."""


class SteppedRun(ABC):
    """The run of one verb on one database. ``result`` tells the truth at any moment.

    ``result`` is a typed dict of the verb; read and written here are ``state``, ``run``,
    ``resumed``, ``seconds``, ``stopped``, ``error``, ``steps``, ``refusals``, ``notes``, ``plan``.
    """

    operation: ClassVar[Operation]
    outcome: ClassVar[tuple[str, ...]] = ("steps", "refusals", "notes", "stopped")
    """What of the result the run log keeps."""

    def __init__(self, alias: str, around: Circumstances, result: Any) -> None:
        """Take what is needed; nothing is written yet."""
        self.alias, self.around, self.result = alias, around, result

    @abstractmethod
    def make_plan(self, backend: Backend, waiting: MaintenanceRun | None) -> Any:
        """Look at the database, put what is found into the result, and return a StepPlan.

        ``waiting`` is the run that will be carried on with.
        """

    @abstractmethod
    def terms(self) -> dict[str, Any]:
        """Return the options under which alone a run is carried on with."""

    def options(self) -> dict[str, Any]:
        """Return the other options."""
        return {}

    def facts(self, plan: Any) -> dict[str, Any]:
        """Return further fields of a new run."""
        return {}

    @abstractmethod
    def stepper(self, plan: Any, hold: Hold, waiting: MaintenanceRun | None) -> Stepper:
        """Return what does the steps."""

    def shown(self, plan: Any) -> dict[str, Any]:
        """Return what a dry run tells of a plan, for JSON."""
        return {"statements": [told for step in plan.steps for told in step.as_dicts()]}

    def preview(self) -> None:
        """Put the plan into the result; change nothing."""
        plan = self.make_plan(get_backend(self.alias), None)
        self.result["state"] = "planned"
        self.result["plan"] = self.shown(plan)

    def execute(self) -> None:
        """Do the work. Raises Refused when it may not begin, and whatever error ended it."""
        with taking(self.alias, self.around.resumes):
            self._execute()

    def _execute(self) -> None:
        if in_transaction(self.alias):
            raise Refused([refusals.nested_transaction(self.alias)])
        backend = get_backend(self.alias)
        if backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
            raise Refused([refusals.run_log_missing(self.alias)])
        order = self.order(backend)
        try:
            waiting = patiently(backend, lambda: unfinished(order))
            earlier = None if is_new(waiting) else waiting
            plan = self.make_plan(backend, earlier)
            run = patiently(backend, lambda: self._claim(order, plan, waiting))
        except DatabaseError as error:
            self._could_not_begin(order, error)
            raise
        self.result["run"], self.result["resumed"] = run.pk, earlier is not None
        with held(Hold(backend, run)) as hold:
            self._work(plan, hold, earlier)

    def order(self, backend: Backend) -> Order:
        """Return what the run log is told of this call."""
        return Order(
            operation=self.operation,
            backend=backend,
            target=EVERYTHING,
            terms=self.terms(),
            options=self.options(),
            trigger=self.around.trigger,
            started_by=self.around.started_by,
            resumes=self.around.resumes,
        )

    def _claim(
        self, order: Order, plan: StepPlan, waiting: MaintenanceRun | None
    ) -> MaintenanceRun:
        facts = {"rows_expected": len(plan.steps), **self.facts(plan)}
        if waiting is not None:
            return resume(order, waiting, **facts)
        give_up(order)
        return begin(order, **facts)

    def _could_not_begin(self, order: Order, error: DatabaseError) -> None:
        """Say who holds the lock, where it was one; else put the error on record."""
        backend = order.backend
        if backend.errors.trouble(error) is Trouble.LOCK_TIMEOUT:
            raise Refused([self._locked(backend)]) from error
        if order.resumes is None:
            fail_to_begin(order, error)

    def _locked(self, backend: Backend) -> Refusal:
        holders = backend.ddl.holders(MaintenanceRun._meta.db_table)
        return refusals.database_locked(self.alias, holders)

    def _work(self, plan: StepPlan, hold: Hold, waiting: MaintenanceRun | None) -> None:
        stepper = self.stepper(plan, hold, waiting)
        self.result["steps"], self.result["notes"] = stepper.results, stepper.notes
        try:
            state, reason = stepper.work()
        except DatabaseError as broken:
            if hold.backend.errors.trouble(broken) is Trouble.LOCK_TIMEOUT:
                self.result["error"] = str(self._locked(hold.backend))
            raise
        self.result["stopped"] = reason
        error = stepper.first_error or (Refused(plan.refusals) if plan.refusals else None)
        if error is None or state not in (State.SUCCEEDED, State.FAILED):
            state = hold.end(state, result=self._outcome())
        else:
            self.result["error"] = _sentence(self.result, plan.refusals)
            state = self._fail(hold, error)
        self.result["state"] = str(state)

    def _fail(self, hold: Hold, error: Exception) -> State:
        try:
            # So that the run keeps the traceback of the first one that failed.
            raise error
        except type(error):
            sentences = self.result["error"]
            return hold.end(State.FAILED, result=self._outcome(), error=sentences)

    def _outcome(self) -> dict[str, Any]:
        return {name: self.result[name] for name in self.outcome}


def _sentence(result: Any, refused: Sequence[Refusal]) -> str:
    bad = [step for step in result["steps"] if step["error"]]
    said = [f"{step['index'] or step['table']}: {step['error']}" for step in bad]
    return "\n".join([*said, *map(str, refused)])


def result_of(run: SteppedRun, *, dry: bool) -> Any:
    """Do the run, or with ``dry`` plan it; return its result: errors and refusals are in it."""
    work: Callable[[], None] = run.preview if dry else run.execute
    began = time.monotonic()
    try:
        work()
    except Refused as refused:
        run.result["state"] = "refused"
        run.result["refusals"] = [refusal.as_dict() for refusal in refused.refusals]
        run.result["error"] = str(refused)
    except DBHealthError as error:
        run.result["error"] = str(error)
    except Exception as error:
        logger.exception("%s of %s was ended by an error.", run.operation, run.alias)
        begun = run.result["run"] is not None
        run.result["error"] = run.result["error"] or failures.told(error, run.alias, begun=begun)
    run.result["seconds"] = round(time.monotonic() - began, 3)
    return run.result
