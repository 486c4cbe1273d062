"""``init_indexes``: make one database agree with the code, inside a recorded run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dbhealth.backends import Backend
from dbhealth.indexes.build_plan import Asked, BuildPlan, make_plan
from dbhealth.indexes.build_results import (
    InitResult,
    counted,
    empty_result,
    summarize,
    told,
    with_plan,
)
from dbhealth.indexes.build_steps import Builder
from dbhealth.indexes.drift import drift
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold
from dbhealth.runs.scope import scope
from dbhealth.runs.stepped import SteppedRun, result_of


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
        found.append(result_of(IndexRun(alias, asked, around), dry=dry_run))
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
    asked = Asked(
        tables=_tuple(terms.get("tables")),
        indexes=_tuple(terms.get("indexes")),
        vacuum=bool(options.get("vacuum")),
        analyze=bool(options.get("analyze")),
    )
    around = replace(circumstances, resumes=run.pk)
    result = result_of(IndexRun(run.database, asked, around), dry=False)
    return summarize([result], seconds=time.monotonic() - began, dry_run=False)


def _tuple(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


class IndexRun(SteppedRun):
    """The real run on one database."""

    operation = Operation.INIT_INDEXES
    outcome = (*SteppedRun.outcome, "indexes", "left_out")

    def __init__(self, alias: str, asked: Asked, circumstances: Circumstances) -> None:
        """Take what is needed; nothing is written yet."""
        super().__init__(alias, circumstances, empty_result(alias))
        self._asked = asked

    def terms(self) -> dict[str, Any]:
        """Return the tables, and the indexes where some are named."""
        tables, indexes = self._asked.tables, self._asked.indexes
        named = {} if indexes is None else {"indexes": sorted(indexes)}
        return {"tables": None if tables is None else sorted(tables), **named}

    def options(self) -> dict[str, Any]:
        """Return what is to follow on the indexes."""
        return {"vacuum": self._asked.vacuum, "analyze": self._asked.analyze}

    def make_plan(self, backend: Backend, waiting: MaintenanceRun | None) -> BuildPlan:
        """Return the steps, those that an earlier process has left to do included."""
        plan = make_plan(backend, self._asked, _touched(waiting))
        with_plan(self.result, plan)
        return plan

    def stepper(self, plan: BuildPlan, hold: Hold, waiting: MaintenanceRun | None) -> Builder:
        """Return what does the steps."""
        return Builder(plan.steps, hold, self.around, _touched(waiting))


def _touched(waiting: MaintenanceRun | None) -> list[str]:
    """Return the tables that a run has given indexes and not analyzed."""
    return list(waiting.cursor or ()) if waiting is not None else []
