"""lock_timeout and statement_timeout, for the current transaction only.

https://www.postgresql.org/docs/current/runtime-config-client.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.statement import Statement


class PostgresTimeouts:
    """Timeouts by set_config(…, is_local), which end with the transaction."""

    def needs_transaction(self, statement: Statement) -> bool:
        """Return whether the statement has timeouts at all."""
        return statement.lock_timeout is not None or statement.statement_timeout is not None

    @contextmanager
    def applied(self, connection: BaseDatabaseWrapper, statement: Statement) -> Iterator[None]:
        """Set the timeouts for the transaction that the statement runs in."""
        wanted = {
            "lock_timeout": statement.lock_timeout,
            "statement_timeout": statement.statement_timeout,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        if given:
            calls = ", ".join(["set_config(%s, %s, true)"] * len(given))
            # "0ms" would mean "wait for ever".
            params = [
                part
                for name, value in given.items()
                for part in (name, f"{max(1, round(value * 1000))}ms")
            ]
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {calls}", params)
        yield
