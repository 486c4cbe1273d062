"""busy_timeout, SQLite's bound on waiting for a lock. SQLite has no statement timeout.

https://www.sqlite.org/pragma.html#pragma_busy_timeout
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.bounds import Bounds, in_force
from dbhealth.backends.executor import Preamble, marked
from dbhealth.backends.statement import Statement
from dbhealth.exceptions import ConfigurationError


class SqliteTimeouts:
    """Sets the connection's busy_timeout around a statement and puts it back."""

    def needs_transaction(self, connection: BaseDatabaseWrapper, statement: Statement) -> bool:
        """Return False: the setting belongs to the connection, which is ours alone."""
        return False

    def takes_several(self, connection: BaseDatabaseWrapper) -> bool:
        """Return False: there is no message, and nothing to spare."""
        return False

    @contextmanager
    def applied(self, connection: BaseDatabaseWrapper, statement: Statement) -> Iterator[Preamble]:
        """Hold the lock timeout inside the block."""
        if statement.lock_timeout is None:
            yield Preamble()
            return
        with self.patient(connection, statement.lock_timeout):
            yield Preamble()

    def alone(self, alias: str) -> AbstractContextManager[None]:
        """Do nothing: no pooler stands before a file."""
        return nullcontext()

    def check_way(self, alias: str) -> None:
        """Raise ConfigurationError: there is no server."""
        raise ConfigurationError(
            f"DBHEALTH['DIRECT'][{alias!r}] tells the way to a server, and SQLite has none."
        )

    @contextmanager
    def patient(self, connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
        """Hold a busy_timeout inside the block.

        BEGIN takes the write lock where the project's transaction_mode says IMMEDIATE, and COMMIT
        waits for readers in rollback mode. Without this it would be for the project's `timeout`.
        """
        before = _busy_timeout(connection)
        _busy_timeout(connection, max(1, round(seconds * 1000)))
        try:
            yield
        finally:
            _busy_timeout(connection, before)

    @contextmanager
    def looking(self, connection: BaseDatabaseWrapper, bounds: Bounds) -> Iterator[None]:
        """Hold the bounds; without a transaction, which would keep writers from their COMMIT.

        SQLite asks the progress handler now and then whether a statement is to go on. There is
        one for each connection: inside another look the bounds of that one hold.
        https://www.sqlite.org/c3ref/progress_handler.html

        A transaction inside takes no write lock, also where the project's transaction_mode says
        IMMEDIATE: that would be refused here, and keep writers waiting elsewhere.
        """
        if in_force(connection.alias):
            yield
            return
        connection.ensure_connection()
        mode = vars(connection).get("transaction_mode")
        ends = time.monotonic() + bounds.statement
        before, may_write = _busy_timeout(connection), not _query_only(connection)
        _busy_timeout(connection, max(1, round(bounds.lock * 1000)))
        _query_only(connection, True)
        vars(connection)["transaction_mode"] = "DEFERRED"
        connection.connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
        try:
            yield
        finally:
            connection.connection.set_progress_handler(None, 0)
            vars(connection)["transaction_mode"] = mode
            _query_only(connection, not may_write)
            _busy_timeout(connection, before)


_STEPS = 10_000
"""Instructions of SQLite's machine between two questions: a millisecond or less."""


def _query_only(connection: BaseDatabaseWrapper, wanted: bool | None = None) -> bool:
    change = "" if wanted is None else f" = {int(wanted)}"
    with connection.cursor() as cursor:
        cursor.execute(marked(f"PRAGMA query_only{change}"))
        row = cursor.fetchone()
        return bool(row and row[0])


def _busy_timeout(connection: BaseDatabaseWrapper, milliseconds: int | None = None) -> int:
    change = "" if milliseconds is None else f" = {int(milliseconds)}"
    with connection.cursor() as cursor:
        cursor.execute(marked(f"PRAGMA busy_timeout{change}"))
        return int(cursor.fetchone()[0])
