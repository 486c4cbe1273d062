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

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.digest import Digest
from dbhealth.backends.names import in_sql
from dbhealth.backends.records import Column, Digested
from dbhealth.backends.selection import Limits
from dbhealth.backends.statement import Lock

_READY: WeakKeyDictionary[BaseDatabaseWrapper, sqlite3.Connection] = WeakKeyDictionary()
"""The connections that have the functions; a wrapper that has connected again is not among them."""

_FORMAT = 2
"""Of marshal: the last one without references, so equal values give equal bytes."""


_ARGUMENTS = 50
"""So many columns go into one call: SQLite takes 100 arguments, and careful calls need two each."""


def _bytes(*values: Any) -> bytes:
    return marshal.dumps(values, _FORMAT)


def _careful_bytes(*pairs: Any) -> bytes:
    """Return the same from pairs of storage class and value, where text comes as its bytes."""
    kinds, values = pairs[::2], pairs[1::2]
    return _bytes(
        *(
            value.decode("utf-8", "surrogateescape") if kind == "text" else value
            for kind, value in zip(kinds, values, strict=True)
        )
    )


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


def is_undecodable(error: Exception) -> bool:
    """Return whether a total may have failed over text that is not UTF-8.

    sqlite3 says so itself, unless another function is called before it gets to: then that one is
    said to have raised the error.
    """
    return isinstance(error, UnicodeDecodeError) or "user-defined" in str(error)


class SqliteDigest(Digest):
    """SQL of the checksum, and the functions that it calls."""

    reading = Lock.SHARED
    name = "sqlite-blake2b-1"

    def of_run(
        self,
        table: str,
        columns: Sequence[Column],
        stored_as: Sequence[Column],
        run: tuple[str, int],
        limits: Limits,
    ) -> Digested:
        """Return the rows of a table, and their total, that one run has put there."""
        try:
            return super().of_run(table, columns, stored_as, run, limits)
        except (UnicodeDecodeError, DatabaseError) as error:
            if not is_undecodable(error):
                raise
            return self._asked(self.careful_total(table, columns), table, run, limits)

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
        wrapper.connection.create_function("dbh_careful_bytes", -1, _careful_bytes)
        _READY[wrapper] = wrapper.connection

    def total(self, table: str, columns: Sequence[Column], stored_as: Sequence[Column] = ()) -> str:
        """Return the call of the aggregate; ``stored_as`` counts for nothing, values have types.

        Running it fails for text that is not UTF-8, which SQLite keeps; see is_undecodable.
        """
        names = _names(table, columns)
        if len(names) > _ARGUMENTS:
            return f"dbh_total_of_bytes({_calls('dbh_bytes', names)})"
        return f"dbh_total({', '.join(names)})"

    def careful_total(self, table: str, columns: Sequence[Column]) -> str:
        """Return SQL of a slower aggregate that gives the same, and takes any text at all."""
        pairs = [
            f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS blob) "
            f"ELSE {name} END"
            for name in _names(table, columns)
        ]
        return f"dbh_total_of_bytes({_calls('dbh_careful_bytes', pairs)})"


def _names(table: str, columns: Sequence[Column]) -> list[str]:
    return [f"{in_sql(table)}.{in_sql(column.name)}" for column in columns]


def _calls(function: str, arguments: list[str]) -> str:
    parts = [arguments[at : at + _ARGUMENTS] for at in range(0, len(arguments), _ARGUMENTS)]
    return ", ".join(f"{function}({', '.join(part)})" for part in parts)
