"""What is to be moved, as frozen records: a selection, a range of its keys, a transfer.

The key of a row is its primary key. Batches walk along the keys in their order (keyset), so
that no batch looks again at what an earlier one has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dbhealth.backends.records import ForeignKey

Key = tuple[Any, ...]
"""A primary key's values in a form that JSON keeps exactly."""


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """A condition on the columns of one table, each written as table.column."""

    sql: str
    params: tuple[Any, ...] = ()


def both(*conditions: Predicate | None) -> Predicate:
    """Return the conditions joined by AND, leaving out those that are None."""
    given = [condition for condition in conditions if condition is not None]
    return Predicate(
        sql=" AND ".join(f"({condition.sql})" for condition in given),
        params=tuple(value for condition in given for value in condition.params),
    )


@dataclass(frozen=True, kw_only=True)
class KeyColumn:
    """A column of the primary key, with the engine's type for it."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows of ``table`` that may leave: those that fulfil ``where``.

    ``timestamp`` is the column that tells their age. ``families`` are the table's foreign keys
    to itself: rows that point at a leaving row leave in the same batch, wherever their keys
    stand.
    """

    table: str
    key: tuple[KeyColumn, ...]
    where: Predicate
    timestamp: str
    families: tuple[ForeignKey, ...] = ()

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(column.name for column in self.key)


@dataclass(frozen=True, kw_only=True)
class KeyRange:
    """Keys after ``after`` (None: from the first) up to and with ``upto`` (None: to the last)."""

    after: Key | None = None
    upto: Key | None = None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How a selected row becomes an archive row.

    ``columns`` are copied under their own names; ``stamps`` are columns of the target with a
    value that is the same for the whole batch.
    """

    selection: Selection
    target: str
    columns: tuple[str, ...]
    stamps: tuple[tuple[str, Any], ...]


class Way(StrEnum):
    """How one batch is moved. What an engine does not need it treats as SNAPSHOT."""

    SNAPSHOT = "copy and delete under one snapshot"
    """The fastest. Fails as a whole when somebody changes a row of the batch meanwhile."""

    RECHECK = "delete and insert what was deleted"
    """Looks again at every row that somebody has changed; never fails for that."""

    SKIP_LOCKED = "move what nobody holds locked"
    """Leaves locked rows where they are."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a statement may wait for a lock and how long it may run (seconds)."""

    lock: float | None = None
    statement: float | None = None
