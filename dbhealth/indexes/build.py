"""``init_indexes``: make one database agree with the code, inside a recorded run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.db import DatabaseError

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import DBHealthError, Refusal, Refused
from dbhealth.indexes import build_refusals as refusals
from dbhealth.indexes.build_plan import Asked, BuildPlan, make_plan
from dbhealth.indexes.build_results import (
    BuildResult,
    InitResult,
    counted,
    empty_result,
    summarize,
    told,
    with_plan,
)
from dbhealth.indexes.build_scope import scope
from dbhealth.indexes.build_steps import Builder
from dbhealth.indexes.drift import drift
from dbhealth.runs import failures
from dbhealth.runs.circumstances import Circumstances, in_transaction
from dbhealth.runs.claim import Order, begin, fail_to_begin, give_up, resume, unfinished
from dbhealth.runs.log import patiently
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold, held
from dbhealth.runs.states import State

logger = logging.getLogger("dbhealth.indexes")

EVERYTHING = "*"
"""The target of these runs: one of them is at work on a database at a time."""


def init_indexes(
    using: str | None = None,
    *,
    tables: Sequence[str] | None = None,
    dry_run: bool = False,
    vacuum: bool = False,
    analyze: bool = False,
    circumstances: Circumstances | None = None,
) -> InitResult:
    """Create the declared indexes that are missing, rebuild invalid ones, analyze their tables.

    ``using`` None: each database that models are routed to. ``tables`` are names of tables or
    app.Model. ``vacuum`` and ``analyze`` go on to all tables afterwards. A database or an index
    that fails does not keep the others from their turn; its entry says why.

    Raises UsageError for an unknown database or table.
    """
    began, around = time.monotonic(), circumstances or Circumstances()
    found = []
    for alias, names in scope(using, tables).items():
        asked = Asked(tables=names, vacuum=vacuum, analyze=analyze)
        found.append(_one(IndexRun(alias, asked, around), dry=dry_run))
    return summarize(found, seconds=time.monotonic() - began, dry_run=dry_run)


def index_status(
    using: str | None = None, *, tables: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return all declared and existing indexes with their status, by database; change nothing.

    Takes and raises what :func:`init_indexes` does.
    """
    return {"databases": {a: _status(a, names) for a, names in scope(using, tables).items()}}


def _status(alias: str, tables: tuple[str, ...] | None) -> dict[str, Any]:
    found = drift(alias, tables)
    return {
        "database": alias,
        "indexes": [told(entry) for entry in found.entries],
        "counts": counted(found),
        "left_out": list(found.left_out),
        "absent_tables": list(found.absent),
        "indexes_of_other_tables": found.foreign,
    }


def resume_init(run: MaintenanceRun, circumstances: Circumstances) -> InitResult:
    """Carry on with a paused, interrupted or dead run, here and now."""
    began = time.monotonic()
    terms, options = run.options.get("terms", {}), run.options
    names = terms.get("tables")
    asked = Asked(
        tables=None if names is None else tuple(names),
        vacuum=bool(options.get("vacuum")),
        analyze=bool(options.get("analyze")),
    )
    around = replace(circumstances, resumes=run.pk)
    result = _one(IndexRun(run.database, asked, around), dry=False)
    return summarize([result], seconds=time.monotonic() - began, dry_run=False)


def _one(run: IndexRun, *, dry: bool) -> BuildResult:
    """Return what became of one database; errors and refusals are in it."""
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
        logger.exception("The indexes of %s could not be seen to.", run.alias)
        begun = run.result["run"] is not None
        run.result["error"] = run.result["error"] or failures.told(error, run.alias, begun=begun)
    run.result["seconds"] = round(time.monotonic() - began, 3)
    return run.result


class IndexRun:
    """The real run on one database. ``result`` tells the truth at any moment."""

    def __init__(self, alias: str, asked: Asked, circumstances: Circumstances) -> None:
        """Take what is needed; nothing is written yet."""
        self.alias, self._asked, self._around = alias, asked, circumstances
        self.result = empty_result(alias)

    def preview(self) -> None:
        """Put the plan into the result; change nothing."""
        plan = make_plan(get_backend(self.alias), self._asked)
        with_plan(self.result, plan)
        self.result["state"] = "planned"
        statements = [told for step in plan.steps for told in step.as_dicts()]
        self.result["plan"] = {"statements": statements}

    def execute(self) -> None:
        """Do the work. Raises Refused when it may not begin, and whatever error ended it."""
        if in_transaction(self.alias):
            raise Refused([refusals.nested_transaction(self.alias)])
        backend = get_backend(self.alias)
        if backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
            raise Refused([refusals.run_log_missing(self.alias)])
        order = self._order(backend)
        try:
            waiting = patiently(backend, lambda: unfinished(order))
            touched = list(waiting.cursor or ()) if waiting is not None else []
            plan = make_plan(backend, self._asked, touched)
            with_plan(self.result, plan)
            run = patiently(backend, lambda: self._claim(order, plan, waiting))
        except DatabaseError as error:
            self._could_not_begin(order, error)
            raise
        self.result["run"], self.result["resumed"] = run.pk, waiting is not None
        with held(Hold(backend, run)) as hold:
            self._work(plan, hold, touched)

    def _order(self, backend: Backend) -> Order:
        tables = self._asked.tables
        return Order(
            operation=Operation.INIT_INDEXES,
            backend=backend,
            target=EVERYTHING,
            terms={"tables": None if tables is None else sorted(tables)},
            options={"vacuum": self._asked.vacuum, "analyze": self._asked.analyze},
            trigger=self._around.trigger,
            started_by=self._around.started_by,
            resumes=self._around.resumes,
        )

    def _claim(
        self, order: Order, plan: BuildPlan, waiting: MaintenanceRun | None
    ) -> MaintenanceRun:
        if waiting is not None:
            return resume(order, waiting)
        give_up(order)
        return begin(order, rows_expected=len(plan.steps))

    def _could_not_begin(self, order: Order, error: DatabaseError) -> None:
        """Say who holds the lock, where it was one; else put the error on record."""
        backend = order.backend
        if backend.errors.trouble(error) is Trouble.LOCK_TIMEOUT:
            raise Refused([self._locked(backend)]) from error
        fail_to_begin(order, error)

    def _locked(self, backend: Backend) -> Refusal:
        holders = backend.ddl.holders(MaintenanceRun._meta.db_table)
        return refusals.database_locked(self.alias, holders)

    def _work(self, plan: BuildPlan, hold: Hold, touched: list[str]) -> None:
        builder = Builder(plan, hold, self._around, touched)
        self.result["steps"], self.result["notes"] = builder.results, builder.notes
        try:
            state, reason = builder.work()
        except DatabaseError as broken:
            if hold.backend.errors.trouble(broken) is Trouble.LOCK_TIMEOUT:
                self.result["error"] = str(self._locked(hold.backend))
            raise
        self.result["stopped"] = reason
        error = builder.first_error or (Refused(plan.refusals) if plan.refusals else None)
        if error is None or state is not State.SUCCEEDED:
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
        names = ("steps", "refusals", "notes", "indexes", "left_out", "stopped")
        return {name: self.result[name] for name in names}  # type: ignore[literal-required]


def _sentence(result: BuildResult, refused: Sequence[Refusal]) -> str:
    failed = [step for step in result["steps"] if step["state"] == "failed"]
    said = [f"{step['index'] or step['table']}: {step['error']}" for step in failed]
    return "\n".join([*said, *map(str, refused)])
