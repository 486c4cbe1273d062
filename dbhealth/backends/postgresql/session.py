"""The connection: its clock, and a transaction that is about to move rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
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

    def begin_batch(
        self, limits: Limits, tables: tuple[str, ...] = (), *, snapshot: bool = False
    ) -> None:
        """Run :meth:`begin_statement`; must be the first statement of the transaction."""
        self._executor.run(self.begin_statement(limits, tables, snapshot=snapshot))

    def begin_statement(
        self, limits: Limits, tables: tuple[str, ...] = (), *, snapshot: bool = False
    ) -> Statement:
        """Return what begins a batch: bounded waits, table locks, constraints that speak at once.

        The limits hold for everything that follows in the transaction. Deferred foreign keys
        would speak at COMMIT only. With ``snapshot`` everything sees one snapshot, and it is taken
        after the tables are locked, so that it knows every column they have.
        """
        parts = []
        # Not inside somebody's transaction (a TestCase), where it would come too late.
        if len(self._executor.connection.atomic_blocks) == 1:
            level = "REPEATABLE READ" if snapshot else "READ COMMITTED"
            parts.append(f"SET TRANSACTION ISOLATION LEVEL {level}")
        parts += [f"SET LOCAL {name} = {ms}" for name, ms in _milliseconds(limits)]
        if tables:
            listed = ", ".join(in_sql(table) for table in tables)
            parts.append(f"LOCK TABLE {listed} IN ROW EXCLUSIVE MODE")
        return Statement(
            sql="; ".join([*parts, "SET CONSTRAINTS ALL IMMEDIATE"]),
            purpose="Begin a batch.",
            lock=Lock.ROW_EXCLUSIVE if tables else Lock.NONE,
            transaction=InTransaction.REQUIRED,
        )

    @contextmanager
    def tuned(self) -> Iterator[None]:
        """PostgreSQL needs no tuning of the session for this work."""
        yield


def _milliseconds(limits: Limits) -> list[tuple[str, int]]:
    given = {"lock_timeout": limits.lock, "statement_timeout": limits.statement}
    # 0 would mean "wait for ever".
    return [
        (name, max(1, round(seconds * 1000)))
        for name, seconds in given.items()
        if seconds is not None
    ]
