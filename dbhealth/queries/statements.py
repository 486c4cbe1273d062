"""Statements by their text: which are worth a plan, and which of them are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from dbhealth.backends.executor import MARKER
from dbhealth.backends.planning import PlannedIndex, is_one_statement

LONGEST = 20_000
"""Longer SQL is not looked at (characters): lists of values, mostly."""

MOST_PARAMETERS = 1_000
LARGEST_PARAMETER = 10_000
"""More, or larger ones, are not kept until the plan is asked for (characters or bytes)."""

SHOWN = 2_000
"""As much of a statement is stored (characters)."""

# Rows that are inserted as they come go through no index that a plan would show.
_WORTH = ("SELECT", "UPDATE", "DELETE", "WITH", "(")
_LISTS = re.compile(r"%s(?:, ?%s)+")


@dataclass
class Seen:
    """A statement that was seen: how often since it was last counted, and what it uses.

    ``text`` is for people; ``sql`` and ``params`` are there until the planner was asked, and empty
    afterwards. ``executions`` are extrapolated from the share that is looked at. ``plan`` is None
    until the planner has answered; ``asked`` is when that was (seconds, the monotonic clock).
    """

    text: str
    sql: str = ""
    params: Sequence[Any] | Mapping[str, Any] | None = None
    executions: float = 0.0
    last_used: datetime | None = None
    plan: tuple[PlannedIndex, ...] | None = None
    asked: float = field(default=float("-inf"))


def is_worth_a_plan(sql: object) -> bool:
    """Return whether a statement reads rows in a way that an index may serve.

    Our own statements, and what is no text or is more than one statement, are not.
    """
    if not isinstance(sql, str) or len(sql) > LONGEST:
        return False
    if not sql.lstrip()[:6].upper().startswith(_WORTH):
        return False
    return MARKER not in sql and is_one_statement(sql)


def is_light(params: object) -> bool:
    """Return whether parameters may be kept in memory for a while."""
    if params is None:
        return True
    if not isinstance(params, tuple | list | dict) or len(params) > MOST_PARAMETERS:
        return False
    values = params.values() if isinstance(params, dict) else params
    return all(len(v) <= LARGEST_PARAMETER for v in values if isinstance(v, str | bytes))


def normal(sql: str) -> str:
    """Return the text without what changes from one execution to the next: how long lists are."""
    return _LISTS.sub("%s, …", sql) if "%s,%s" in sql or "%s, %s" in sql else sql


def fingerprint(sql: str) -> str:
    """Return 16 letters and digits for a text that :func:`normal` made."""
    return blake2b(sql.encode("utf-8", "replace"), digest_size=8).hexdigest()
