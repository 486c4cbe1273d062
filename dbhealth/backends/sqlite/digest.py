"""The checksum on SQLite, which has no hash function: a Python function on the connection.

It sees the values as they are stored, with their storage class: 1, 1.0, '1' and x'31' differ.
"""

from __future__ import annotations

import hashlib
import marshal
import sqlite3
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.digest import Digest
from dbhealth.backends.names import in_sql
from dbhealth.backends.records import Column
from dbhealth.backends.statement import Lock

_READY: WeakKeyDictionary[BaseDatabaseWrapper, sqlite3.Connection] = WeakKeyDictionary()
"""The connections that have the functions; a wrapper that has connected again is not among them."""

_FORMAT = 2
"""Of marshal: the last one without references, so equal values give equal bytes."""

_ARGUMENTS = 100
"""So many arguments a call takes (SQLITE_MAX_FUNCTION_ARG of every build)."""


def _bytes(*values: Any) -> bytes:
    return marshal.dumps(values, _FORMAT)


class _TotalOfBytes:
    """An aggregate of sqlite3 over rows that come as their bytes, in one part or several."""

    def __init__(self) -> None:
        self.sum = 0

    def step(self, *parts: bytes) -> None:
        # Always the same key and width: one number on every machine and in every process.
        digest = hashlib.blake2b(b"".join(parts), digest_size=8).digest()
        self.sum += int.from_bytes(digest, "little")

    def finalize(self) -> str:
        return str(self.sum)


class _Total(_TotalOfBytes):
    """The same over rows as they are."""

    def step(self, *values: Any) -> None:
        super().step(_bytes(*values))


class SqliteDigest(Digest):
    """SQL of the checksum, and the functions that it calls."""

    reading = Lock.SHARED
    name = "sqlite-blake2b-1"

    def ready(self) -> None:
        """Give the functions to the connection, unless it has them."""
        wrapper = self.executor.connection
        wrapper.ensure_connection()
        # Not twice: SQLite does not take a function again while a query is being read.
        if _READY.get(wrapper) is wrapper.connection:
            return
        wrapper.connection.create_aggregate("dbh_total", -1, _Total)
        wrapper.connection.create_aggregate("dbh_total_of_bytes", -1, _TotalOfBytes)
        wrapper.connection.create_function("dbh_bytes", -1, _bytes)
        _READY[wrapper] = wrapper.connection

    def total(self, table: str, columns: Sequence[Column], stored_as: Sequence[Column] = ()) -> str:
        """Return the call of the aggregate; ``stored_as`` counts for nothing, values have types."""
        values = [_exactly(f"{in_sql(table)}.{in_sql(column.name)}") for column in columns]
        if len(values) <= _ARGUMENTS:
            return f"dbh_total({', '.join(values)})"
        parts = [values[at : at + _ARGUMENTS] for at in range(0, len(values), _ARGUMENTS)]
        calls = ", ".join(f"dbh_bytes({', '.join(part)})" for part in parts)
        return f"dbh_total_of_bytes({calls})"


def _exactly(value: str) -> str:
    """Return SQL that hands a value over with its storage class: text as bytes, a blob as text.

    SQLite keeps text that is not UTF-8, and sqlite3 could not hand that over as text: it would
    go on with the error pending.
    """
    return (
        f"CASE typeof({value}) WHEN 'text' THEN CAST({value} AS blob) "
        f"WHEN 'blob' THEN hex({value}) ELSE {value} END"
    )
