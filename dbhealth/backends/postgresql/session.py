"""The connection: its clock, and a transaction that is about to move rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from dbhealth.backends.executor import Executor
from dbhealth.backends.selection import Limits
from dbhealth.backends.statement import InTransaction, Lock, Statement


class PostgresSession:
    """Statements about the connection itself."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def now(self) -> datetime:
        """Return the server's clock, aware, in UTC; not the start of the transaction."""
        # As a number: what a driver makes of a timestamp depends on USE_TZ and time zones.
        microseconds = self._executor.run(
            Statement(
                sql="SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
                purpose="Read the clock.",
                lock=Lock.NONE,
            )
        ).value
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    def begin_batch(self, limits: Limits) -> None:
        """Make deferred foreign keys speak inside the transaction instead of at COMMIT.

        The limits hold for everything that follows in the transaction.
        """
        self._executor.run(
            Statement(
                sql="SET CONSTRAINTS ALL IMMEDIATE",
                purpose="Check foreign keys at once.",
                lock=Lock.NONE,
                transaction=InTransaction.REQUIRED,
                lock_timeout=limits.lock,
                statement_timeout=limits.statement,
            )
        )

    @contextmanager
    def tuned(self) -> Iterator[None]:
        """PostgreSQL needs no tuning of the session for this work."""
        yield
