"""The indexes that the database has, and what it would make of SQL for one.

https://www.postgresql.org/docs/current/catalog-pg-index.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

from django.db import Error, transaction

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import IndexCatalogue, Shape, Sketch
from dbhealth.backends.names import quoted
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.index_reading import read
from dbhealth.backends.postgresql.index_sketches import made
from dbhealth.backends.postgresql.index_sql import ALL_INDEXES, INDEXES_OF
from dbhealth.backends.trouble import Trouble

T = TypeVar("T")


class PostgresIndexes:
    """The indexes of all user tables."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def catalogue(self, tables: Sequence[str] | None = None) -> IndexCatalogue:
        """Return every index of every table, or of the tables named.

        Tables that another session holds with AccessExclusiveLock, or waits to hold, are left out.
        Raises OperationalError after two lock timeouts, which such locks cannot bring about.
        """
        if tables is None:
            indexes, left_out = self._patiently(lambda: read(self._executor, ALL_INDEXES))
        else:
            names = list(tables)
            sql = [quoted(name) for name in names]
            indexes, left_out = self._patiently(
                lambda: read(self._executor, INDEXES_OF, names, sql)
            )
        return IndexCatalogue(indexes=indexes, left_out=left_out)

    def shapes(self, wanted: Sequence[Sketch]) -> tuple[Shape | None, ...]:
        """Return what the server would make of each sketch, None where it cannot tell."""
        return made(self._executor, wanted) if wanted else ()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; once again when somebody took a lock in the meantime."""
        try:
            with self._savepoint():
                return work()
        except Error as error:
            if PostgresErrors().trouble(error) is not Trouble.LOCK_TIMEOUT:
                raise
        return work()

    def _savepoint(self) -> transaction.Atomic | nullcontext[None]:
        """Return a savepoint where a transaction is open: an error must not end that one."""
        if self._executor.connection.in_atomic_block:
            return transaction.atomic(using=self._executor.alias)
        return nullcontext()
