"""The one place that runs statements, and honours what they say about themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.statement import InTransaction, Statement
from dbhealth.exceptions import DBHealthError

MARKER = "/* dbhealth */ "
"""Stands before every statement of ours, so that figures can leave them out."""


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


class Timeouts(Protocol):
    """How an engine bounds its waiting, for the current transaction or statement."""

    def needs_transaction(self, statement: Statement) -> bool:
        """Return whether the statement's timeouts can only be set inside a transaction."""

    def applied(
        self, connection: BaseDatabaseWrapper, statement: Statement
    ) -> AbstractContextManager[None]:
        """Hold the statement's timeouts inside the block, and the session's own after it."""


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

    def run(self, statement: Statement) -> Result:
        """Run one statement and return its rows.

        Raises DBHealthError when it may not run where the connection stands, and Django's
        database errors as they come.
        """
        with self._place(statement), self._timeouts.applied(self.connection, statement):
            return self._execute(statement)

    @contextmanager
    def _place(self, statement: Statement) -> Iterator[None]:
        open_already = self.connection.in_atomic_block
        if statement.transaction is InTransaction.REQUIRED and not open_already:
            raise DBHealthError(f"This must run inside a transaction: {statement.purpose}")
        if statement.transaction is InTransaction.FORBIDDEN and open_already:
            raise DBHealthError(f"This must run outside of any transaction: {statement.purpose}")
        # Where timeouts can be set for a transaction, they are: behind a pooler that shares
        # sessions, anything set for the session would outlive us on somebody else's connection.
        wants_own = not open_already and self._timeouts.needs_transaction(statement)
        with transaction.atomic(using=self.alias) if wants_own else nullcontext():
            yield

    def _execute(self, statement: Statement) -> Result:
        with self.connection.cursor() as cursor:
            # Parameters are passed even when there are none, so that "%%" means "%" always.
            cursor.execute(MARKER + statement.sql, statement.params)
            rows = cursor.fetchall() if cursor.description else []
            return Result(rows=list(rows), rowcount=cursor.rowcount)
