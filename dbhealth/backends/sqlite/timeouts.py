"""busy_timeout, SQLite's bound on waiting for a lock. SQLite has no statement timeout.

https://www.sqlite.org/pragma.html#pragma_busy_timeout
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.executor import Preamble, marked
from dbhealth.backends.statement import Statement


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
        before = _busy_timeout(connection)
        _busy_timeout(connection, max(1, round(statement.lock_timeout * 1000)))
        try:
            yield Preamble()
        finally:
            _busy_timeout(connection, before)


def _busy_timeout(connection: BaseDatabaseWrapper, milliseconds: int | None = None) -> int:
    change = "" if milliseconds is None else f" = {int(milliseconds)}"
    with connection.cursor() as cursor:
        cursor.execute(marked(f"PRAGMA busy_timeout{change}"))
        return int(cursor.fetchone()[0])
