"""What is to be moved, as frozen records: a selection, a range of its keys, a transfer.

The key of a row is its primary key. Batches walk along the keys in their order (keyset), so
that no batch looks again at what an earlier one has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dbhealth.backends.records import Column, ForeignKey

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
class Member:
    """A table whose rows leave with the rows they point at.

    ``links`` are its foreign keys to tables of the family, itself included. ``may_leave`` tells
    of a row that nothing in it speaks against its leaving (its age, its policy's condition); None
    where its table has no policy that could.
    """

    table: str
    key: tuple[KeyColumn, ...]
    links: tuple[ForeignKey, ...] = ()
    may_leave: Predicate | None = None

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(column.name for column in self.key)

    @property
    def own_links(self) -> tuple[ForeignKey, ...]:
        """The foreign keys of the table to itself."""
        return tuple(link for link in self.links if link.target == self.table)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows of ``table`` that may leave: those that fulfil ``where``.

    ``timestamp`` is the column that tells their age. ``links`` are the table's foreign keys to
    itself and ``members`` the tables below it, each behind all tables that it points at: whatever
    points at a leaving row leaves in the same batch, wherever its key stands. ``may_follow`` is
    the condition for that on rows of the table itself, None where there is none. ``alone`` is what
    ``where`` says of a row without looking at what stands below it, None where that is all of it.
    """

    table: str
    key: tuple[KeyColumn, ...]
    where: Predicate
    timestamp: str
    links: tuple[ForeignKey, ...] = ()
    members: tuple[Member, ...] = ()
    may_follow: Predicate | None = None
    alone: Predicate | None = None

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(column.name for column in self.key)

    @property
    def is_family(self) -> bool:
        """Whether other rows leave with a row."""
        return bool(self.links or self.members)

    @property
    def root(self) -> Member:
        """The table itself as a member of its family."""
        return Member(table=self.table, key=self.key, links=self.links, may_leave=self.may_follow)

    @property
    def everybody(self) -> tuple[Member, ...]:
        """The whole family, the root first and each table behind those it points at."""
        return (self.root, *self.members)


@dataclass(frozen=True, kw_only=True)
class KeyRange:
    """Keys after ``after`` (None: from the first) up to and with ``upto`` (None: to the last)."""

    after: Key | None = None
    upto: Key | None = None


@dataclass(frozen=True, kw_only=True)
class Copy:
    """How a row of one table becomes an archive row.

    ``columns`` of the table are copied under their own names; ``kept_as`` are the same columns of
    the target, in the same order. ``stamps`` are columns of the target with a value that is the
    same for the whole batch. Rows that are not ``digested`` are counted only.
    """

    table: str
    target: str
    columns: tuple[Column, ...]
    kept_as: tuple[Column, ...]
    stamps: tuple[tuple[str, Any], ...]
    digested: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that are copied."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A selection, and how its rows become archive rows: a copy for each of ``everybody``."""

    selection: Selection
    copies: tuple[Copy, ...]

    @property
    def copy(self) -> Copy:
        """How a row of the selection's own table becomes an archive row."""
        return self.copies[0]


class Way(StrEnum):
    """How one batch is moved. What an engine does not need it treats as SNAPSHOT."""

    SNAPSHOT = "copy and delete under one snapshot"
    """The fastest. Fails as a whole when somebody changes a row of the batch meanwhile."""

    RECHECK = "delete and insert what was deleted"
    """Looks again at every row that somebody has changed; never fails for that. A family is
    copied and deleted while nobody else may write its tables."""

    SKIP_LOCKED = "move what nobody holds locked"
    """Leaves locked rows where they are."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a statement may wait for a lock and how long it may run (seconds)."""

    lock: float | None = None
    statement: float | None = None
