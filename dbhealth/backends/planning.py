"""What the planner says it would do with a query: the records, and the SQL both engines explain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAMED = re.compile(r"%%|%\((\w+)\)s")


@dataclass(frozen=True, order=True)
class PlannedIndex:
    """An index in a plan; ``table`` is as Django calls it."""

    table: str
    name: str


@dataclass(frozen=True, kw_only=True)
class QueryPlan:
    """A plan in short: its indexes, the tables it reads whole, and the plan as text for people.

    Each in the order in which the plan names them first, and without the system's own tables. A
    primary key that is the table itself (SQLite's rowid) is no index.
    """

    indexes: tuple[PlannedIndex, ...]
    whole: tuple[str, ...]
    text: str


def is_one_statement(sql: str) -> bool:
    """Return whether ``sql`` is surely one statement.

    EXPLAIN in front of two statements would explain the first one and execute the second. A
    semicolon inside a string constant counts as well: better one plan less.
    """
    return ";" not in sql.rstrip().rstrip(";")


def positional(
    sql: str, params: Sequence[Any] | Mapping[str, Any] | None
) -> tuple[str, tuple[Any, ...]]:
    """Return a statement as cursors take it, with its parameters in a tuple.

    Parameters by name become such by place, and SQL that came without any has its "%" doubled, for
    the executor always passes parameters. Raises KeyError for a name that is not given.
    """
    sql = sql.rstrip().rstrip(";")
    if params is None:
        return sql.replace("%", "%%"), ()
    if not isinstance(params, Mapping):
        return sql, tuple(params)
    values: list[Any] = []

    def place(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        values.append(params[found[1]])
        return "%s"

    return _NAMED.sub(place, sql), tuple(values)
