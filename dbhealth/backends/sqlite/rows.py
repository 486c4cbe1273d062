"""Moving rows on SQLite: insert, then delete, over the same range.

SQLite lets one writer in at a time, so nothing changes between the two statements of a
transaction that already holds the write lock. The caller writes first in it (the run's row),
so the lock is there before anything is read.
https://www.sqlite.org/isolation.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbhealth.backends.records import Moved
from dbhealth.backends.rows import Rows
from dbhealth.backends.selection import Key, KeyColumn, KeyRange, Limits, Transfer
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.exceptions import NotSupported


class SqliteRows(Rows):
    """SQL that only SQLite has."""

    reading = Lock.SHARED
    fence = "LIMIT -1 OFFSET 0"

    def key_output(self, table: str, column: KeyColumn) -> str:
        """Return the stored value itself: the plus keeps sqlite3 from converting it by type."""
        return f"+{self.name(table, column.name)}"

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
        self, transfer: Transfer, keys: KeyRange, limits: Limits, *, skip_locked: bool = False
    ) -> tuple[Statement, ...]:
        """Return the insert and the delete of one range.

        Raises NotSupported for ``skip_locked``: there are no row locks to skip.
        """
        if skip_locked:
            raise NotSupported("SQLite locks the whole file, so there are no locked rows to skip.")
        selection = transfer.selection
        condition = self.leaving(selection, keys)
        table = self.name(selection.table)
        stamps = "".join(", %s" for _ in transfer.stamps)
        insert = (
            f"{self.insert_into(transfer)} SELECT "
            f"{self.names(selection.table, transfer.columns)}{stamps} "
            f"FROM {table} WHERE {condition.sql}"
        )
        values = tuple(value for _, value in transfer.stamps)
        return (
            self._writing(insert, values + condition.params, "Copy one batch.", limits),
            self._writing(
                f"DELETE FROM {table} WHERE {condition.sql}",
                condition.params,
                "Delete the same batch.",
                limits,
            ),
        )

    def _writing(
        self, sql: str, params: tuple[Any, ...], purpose: str, limits: Limits
    ) -> Statement:
        return Statement(
            sql=sql,
            params=params,
            purpose=purpose,
            lock=Lock.RESERVED,
            transaction=InTransaction.REQUIRED,
            lock_timeout=limits.lock,
            statement_timeout=limits.statement,
        )

    def move(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, *, skip_locked: bool = False
    ) -> Moved:
        """Run both statements and return how many rows each has touched."""
        insert, delete = self.move_statements(transfer, keys, limits, skip_locked=skip_locked)
        inserted = self.executor.run(insert).rowcount
        return Moved(inserted=inserted, deleted=self.executor.run(delete).rowcount)
