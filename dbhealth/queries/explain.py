"""From statements that were seen to the indexes that they use."""

from __future__ import annotations

import logging
from time import monotonic

from django.db import Error

from dbhealth.backends import get_backend
from dbhealth.backends.planning import PlannedIndex
from dbhealth.exceptions import DBHealthError
from dbhealth.queries.memory import Database, Memory
from dbhealth.queries.statements import Seen

log = logging.getLogger("dbhealth.queries")


def ask_for_plans(memory: Memory, database: Database, seconds: float) -> None:
    """Ask the planner about what it was not asked about, once each, for at most so long."""
    until = monotonic() + seconds
    for mark, seen in memory.unexplained(database):
        memory.explained(database, mark, _plan(database[0], seen), monotonic())
        if monotonic() > until:
            return


def _plan(alias: str, seen: Seen) -> tuple[PlannedIndex, ...]:
    """Return the indexes of a statement; a table that is read whole has an empty name.

    A statement that cannot be explained (its table was temporary, or is locked) uses nothing.
    """
    try:
        plan = get_backend(alias).plans.explain(seen.sql, seen.params)
    # Whatever else the driver makes of parameters that only the application knows.
    except (Error, DBHealthError, KeyError, TypeError, ValueError) as error:
        log.debug("No plan for %r: %s", seen.text, error)
        return ()
    return (*plan.indexes, *(PlannedIndex(table, "") for table in plan.whole))
