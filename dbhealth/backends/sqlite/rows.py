"""Moving rows on SQLite: insert, then delete, over the same range.

SQLite lets one writer in at a time, so nothing changes between the two statements of a
transaction that already holds the write lock; ``begin_batch`` takes it before anything is read.
https://www.sqlite.org/isolation.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbhealth.backends.records import Moved
from dbhealth.backends.rows import Rows
from dbhealth.backends.selection import Key, KeyColumn, KeyRange, Limits, Transfer, Way
from dbhealth.backends.statement import Lock, Statement
from dbhealth.exceptions import NotSupported


class SqliteRows(Rows):
    """SQL that only SQLite has."""

    reading = Lock.SHARED
    fence = "LIMIT -1 OFFSET 0"

    def key_output(self, key: str) -> str:
        """Return the stored value itself: the plus keeps sqlite3 from converting it by type."""
        return f"+{key}"

    def key_input(self, column: KeyColumn) -> str:
        """Return a placeholder; the column's affinity does the rest."""
        return "%s"

    def key_loaded(self, values: Iterable[Any]) -> Key:
        """Return the key with its blobs as {"hex": …}, which JSON can keep."""
        return tuple(
            {"hex": value.hex()} if isinstance(value, bytes) else value for value in values
        )

    def key_params(self, key: Key) -> tuple[Any, ...]:
        """Return the blobs as bytes again."""
        return tuple(
            bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in key
        )

    def finite(self, timestamp: str) -> str:
        """Return it as it is: SQLite has no infinite timestamps."""
        return timestamp

    def as_text(self, timestamp: str) -> str:
        """Return it as it is: SQLite keeps timestamps as text."""
        return timestamp

    def generic_key(self, table: str, column: KeyColumn) -> str:
        """Return the key as text, a UUID with its hyphens: Django stores it here without."""
        text = f"CAST({self.name(table, column.name)} AS text)"
        if column.type != "char(32)":
            return text
        ends = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        return " || '-' || ".join(f"substr({text}, {start}, {size})" for start, size in ends)

    def move_statements(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Statement, ...]:
        """Return the inserts and the deletes of one range.

        Raises NotSupported for SKIP_LOCKED: there are no row locks to skip.
        """
        if way is Way.SKIP_LOCKED:
            raise NotSupported("SQLite locks the whole file, so there are no locked rows to skip.")
        return self.copy_and_delete(transfer, keys, limits, Lock.RESERVED)

    def move(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Moved, ...]:
        """Run the statements and return how many rows each pair of them has touched."""
        return self.run_pairs(self.move_statements(transfer, keys, limits, way))
