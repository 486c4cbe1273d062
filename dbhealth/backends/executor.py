"""The one place that runs statements, and honours what they say about themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.bounds import Bounds, bounded, narrowed, within
from dbhealth.backends.statement import InTransaction, Statement
from dbhealth.exceptions import DBHealthError

MARKER = "/* dbhealth */"
"""Stands in every statement of ours, so that figures can leave them out."""


def marked(sql: str) -> str:
    """Return ``sql`` with the marker behind its first word.

    There, because pg_stat_statements cuts off what stands before the first word (PostgreSQL 18),
    and pg_stat_activity what stands behind the first kilobyte.
    """
    first, rest = sql.split(maxsplit=1)
    return f"{first} {MARKER} {rest}"


@dataclass(frozen=True)
class Result:
    """What a statement gave back; ``rowcount`` as DB-API 2.0 defines it."""

    rows: list[tuple[Any, ...]]
    rowcount: int

    @property
    def first(self) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return self.rows[0] if self.rows else None

    @property
    def value(self) -> Any:
        """The first column of the first row, or None."""
        return self.rows[0][0] if self.rows else None


@dataclass(frozen=True)
class Preamble:
    """SQL that goes before a statement in the same message; ``results`` are its result sets."""

    sql: str = ""
    params: tuple[Any, ...] = ()
    results: int = 0


class Timeouts(Protocol):
    """How an engine bounds its waiting, for the current transaction or statement."""

    def needs_transaction(self, connection: BaseDatabaseWrapper, statement: Statement) -> bool:
        """Return whether the statement's timeouts can only be set in a transaction of ours."""

    def takes_several(self, connection: BaseDatabaseWrapper) -> bool:
        """Return whether one message may hold several statements with parameters."""

    def applied(
        self, connection: BaseDatabaseWrapper, statement: Statement
    ) -> AbstractContextManager[Preamble]:
        """Hold the statement's timeouts inside the block, and the session's own after it."""

    def patient(
        self, connection: BaseDatabaseWrapper, seconds: float
    ) -> AbstractContextManager[None]:
        """Bound the wait of BEGIN and COMMIT, where the engine's own may take locks."""

    def alone(self, alias: str) -> AbstractContextManager[None]:
        """Have a session that nobody else uses, where the engine hands sessions on."""

    def check_way(self, alias: str) -> None:
        """Raise ConfigurationError where DBHEALTH["DIRECT"] tells no way to the server."""

    def looking(
        self, connection: BaseDatabaseWrapper, bounds: Bounds
    ) -> AbstractContextManager[None]:
        """Bound every statement inside the block, whoever sends it, and let none of them write."""


class Executor:
    """Runs statements on one database alias."""

    def __init__(self, alias: str, timeouts: Timeouts) -> None:
        """Keep the alias; a connection is taken when a statement runs."""
        self.alias = alias
        self._timeouts = timeouts

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The connection of this thread."""
        return connections[self.alias]

    @contextmanager
    def atomic(self, *, lock: float | None, durable: bool = False) -> Iterator[None]:
        """Open a transaction whose BEGIN and COMMIT wait no longer than ``lock`` seconds.

        None leaves that to the session. Inside a transaction that is open it is a savepoint.
        Raises RuntimeError there with ``durable``, as Django's own does.
        """
        begins = lock is not None and not self.connection.in_atomic_block
        patient = self._timeouts.patient(self.connection, lock or 0) if begins else nullcontext()
        with patient, transaction.atomic(using=self.alias, durable=durable):
            yield

    def alone(self) -> AbstractContextManager[None]:
        """Let the block have a session of its own, for statements that forbid a transaction.

        They run in one in any case; who wants to know which one asks inside such a block. Raises
        SharedSession where there is none to be had.
        """
        return self._timeouts.alone(self.alias)

    def check_way(self) -> None:
        """Raise ConfigurationError where DBHEALTH["DIRECT"] is wrong; connects to nothing."""
        self._timeouts.check_way(self.alias)

    @contextmanager
    def looking(self, *, lock: float, seconds: float) -> Iterator[None]:
        """Bound all that this thread asks of the database inside the block; nothing can write.

        No statement waits longer than ``lock`` for a lock or takes longer than ``seconds``, and
        none begins when so many have passed since the block began (OutOfTime). That holds for the
        ORM as well. Inside another look at the database the narrower bounds count.
        """
        bounds = narrowed(self.alias, Bounds(lock=lock, statement=seconds))
        with self._timeouts.looking(self.connection, bounds), bounded(self.connection, bounds):
            yield

    def run(self, statement: Statement) -> Result:
        """Run one statement and return its rows.

        Raises DBHealthError when it may not run where the connection stands (SharedSession: it
        has none for itself), and Django's database errors as they come.
        """
        return self._run((statement,))[0]

    def run_together(self, statements: Sequence[Statement]) -> tuple[Result, ...]:
        """Run statements that may run in the same place within the same time, in their order.

        In one message where the driver can send several: that spares the round trips. Raises
        what :meth:`run` raises.
        """
        if self._timeouts.takes_several(self.connection):
            return self._run(statements)
        return tuple(self.run(statement) for statement in statements)

    def _run(self, statements: Sequence[Statement]) -> tuple[Result, ...]:
        first = within(self.alias, statements[0])
        with (
            self._place(statements[0]),
            self._timeouts.applied(self.connection, first) as preamble,
        ):
            return self._execute(preamble, statements)

    @contextmanager
    def _place(self, statement: Statement) -> Iterator[None]:
        open_already = self.connection.in_atomic_block
        if statement.transaction is InTransaction.REQUIRED and not open_already:
            raise DBHealthError(f"This must run inside a transaction: {statement.purpose}")
        if statement.transaction is InTransaction.FORBIDDEN and open_already:
            raise DBHealthError(f"This must run outside of any transaction: {statement.purpose}")
        wants_own = not open_already and self._timeouts.needs_transaction(
            self.connection, statement
        )
        place: AbstractContextManager[None] = nullcontext()
        if statement.transaction is InTransaction.FORBIDDEN:
            place = self.alone()
        elif wants_own:
            place = transaction.atomic(using=self.alias)
        with place:
            yield

    def _execute(self, preamble: Preamble, statements: Sequence[Statement]) -> tuple[Result, ...]:
        sql = "; ".join(marked(statement.sql) for statement in statements)
        params = tuple(value for statement in statements for value in statement.params)
        results, skip = [], preamble.results - 1
        with self.connection.cursor() as cursor:
            if statements[0].to_the_end:
                with self.connection.wrap_database_errors:
                    cursor.executescript(preamble.sql + sql)
                return (Result(rows=[], rowcount=-1),)
            # Parameters are passed even when there are none, so that "%%" means "%" always.
            cursor.execute(preamble.sql + sql, preamble.params + params)
            for statement in statements:
                for _ in range(skip + statement.results):
                    cursor.nextset()
                rows = cursor.fetchall() if cursor.description else []
                results.append(Result(rows=list(rows), rowcount=cursor.rowcount))
                skip = 0
        return tuple(results)
