"""A statement that knows its lock, and a plan made of statements."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Lock(StrEnum):
    """Table lock levels, by the names that the engines' own manuals use.

    PostgreSQL: https://www.postgresql.org/docs/current/explicit-locking.html
    SQLite: https://www.sqlite.org/lockingv3.html
    """

    NONE = "none"
    ACCESS_SHARE = "AccessShareLock"
    ROW_SHARE = "RowShareLock"
    ROW_EXCLUSIVE = "RowExclusiveLock"
    SHARE_UPDATE_EXCLUSIVE = "ShareUpdateExclusiveLock"
    SHARE = "ShareLock"
    SHARE_ROW_EXCLUSIVE = "ShareRowExclusiveLock"
    ACCESS_EXCLUSIVE = "AccessExclusiveLock"
    SHARED = "SHARED"
    RESERVED = "RESERVED"
    EXCLUSIVE = "EXCLUSIVE"

    @property
    def blocks(self) -> str:
        """Whom the lock makes wait, in words."""
        return _BLOCKS[self]


_BLOCKS = {
    Lock.NONE: "nobody",
    Lock.ACCESS_SHARE: "only changes of the table itself (DROP, ALTER, VACUUM FULL)",
    Lock.ROW_SHARE: "only changes of the table itself (DROP, ALTER, VACUUM FULL)",
    Lock.ROW_EXCLUSIVE: "whoever writes the same rows, and changes of the table itself",
    Lock.SHARE_UPDATE_EXCLUSIVE: "changes of the table itself, VACUUM and ANALYZE; not readers and "
    "writers",
    Lock.SHARE: "whoever writes the table, until it is done; not readers",
    Lock.SHARE_ROW_EXCLUSIVE: "whoever writes the tables, until the batch commits; not readers",
    Lock.ACCESS_EXCLUSIVE: "whoever reads or writes the table, until it is done",
    Lock.SHARED: "nobody for long: a writer's commit waits for the reading to end",
    Lock.RESERVED: "every other writer of the database file, until it commits",
    Lock.EXCLUSIVE: "whoever reads or writes the database file, until it is done",
}


class InTransaction(StrEnum):
    """Where a statement may run."""

    REQUIRED = "inside a transaction"
    ALLOWED = "anywhere"
    FORBIDDEN = "outside of any transaction"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """SQL with its parameters and everything that one must know before running it.

    ``purpose`` is a sentence for people. Timeouts are in seconds; None leaves the session's
    own. SQL of several statements gives as many ``results``, of which the last one counts.
    ``to_the_end``: it gives no rows and works in steps, of which the driver would take one only.
    One executor honours all of it.
    """

    sql: str
    params: tuple[Any, ...] = ()
    purpose: str
    lock: Lock
    transaction: InTransaction = InTransaction.ALLOWED
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    results: int = 1
    to_the_end: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the statement for JSON; parameters as text, for reading only."""
        return {
            "sql": self.sql,
            "params": [str(value) for value in self.params],
            "purpose": self.purpose,
            "lock": str(self.lock),
            "blocks": self.lock.blocks,
            "transaction": str(self.transaction),
            "lock_timeout_seconds": self.lock_timeout,
            "statement_timeout_seconds": self.statement_timeout,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a verb will do: shown by a dry run, executed by the real one."""

    title: str
    statements: tuple[Statement, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for JSON."""
        return {
            "title": self.title,
            "statements": [statement.as_dict() for statement in self.statements],
        }
