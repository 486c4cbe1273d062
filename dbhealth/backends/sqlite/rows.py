"""Moving rows on SQLite: insert, then delete, over the same range.

SQLite lets one writer in at a time, so nothing changes between the two statements of a
transaction that already holds the write lock; ``begin_batch`` takes it before anything is read.
https://www.sqlite.org/isolation.html

Between the two, rows and their copies are digested side by side. Not by RETURNING: it does not
show what a trigger has done to a row afterwards, and SQLite's triggers change nothing before.
https://www.sqlite.org/lang_returning.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbhealth.backends.digest import NOTHING, add
from dbhealth.backends.executor import Executor
from dbhealth.backends.records import Moved
from dbhealth.backends.rows import Rows, writing
from dbhealth.backends.selection import Key, KeyColumn, KeyRange, Limits, Transfer, Way
from dbhealth.backends.sqlite.digest import SqliteDigest
from dbhealth.backends.statement import Lock, Statement
from dbhealth.exceptions import NotSupported
from dbhealth.saying import say as _


class SqliteRows(Rows):
    """SQL that only SQLite has."""

    reading = Lock.SHARED
    fence = "LIMIT -1 OFFSET 0"

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        super().__init__(executor)
        self.digest = SqliteDigest(executor)

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
        """Return the inserts, the comparisons and the deletes of one range.

        Raises NotSupported for SKIP_LOCKED: there are no row locks to skip.
        """
        if way is Way.SKIP_LOCKED:
            raise NotSupported(
                _("SQLite locks the whole file, so there are no locked rows to skip.")
            )
        statements = self.copy_and_delete(transfer, keys, limits, Lock.RESERVED)
        inserts, deletes = statements[: len(transfer.copies)], statements[len(transfer.copies) :]
        compared = [
            self._comparison(transfer, place, keys, limits) for place in range(len(transfer.copies))
        ]
        return (*inserts, *compared, *deletes)

    def _comparison(
        self, transfer: Transfer, place: int, keys: KeyRange, limits: Limits
    ) -> Statement:
        """Return what counts the rows of one table that have their copy, and digests both."""
        copy, member = transfer.copies[place], transfer.selection.everybody[place]
        condition = self.leaving(transfer.selection, keys, place)
        totals = (
            f"{self.digest.total(copy.table, copy.columns)}, "
            f"{self.digest.total(copy.target, copy.kept_as)}"
        )
        same = self.equal(copy.target, member.key_names, copy.table, member.key_names)
        # CROSS JOIN: SQLite goes through the tables in this order, and so through the few rows.
        sql = (
            f"SELECT count(*), {totals if copy.digested else f'{NOTHING}, {NOTHING}'} "
            f"FROM {self.name(copy.table)} "
            f"CROSS JOIN {self.name(copy.target)} ON {same} WHERE {condition.sql}"
        )
        purpose = _(
            "Compare {table} with what has arrived in {target}.",
            table=copy.table,
            target=copy.target,
        )
        return writing(sql, condition.params, purpose, limits, Lock.RESERVED)

    def move(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Moved, ...]:
        """Run the statements and return the counts and digests."""
        self.digest.ready()
        statements, size = self.move_statements(transfer, keys, limits, way), len(transfer.copies)
        results = self.executor.run_together(statements)
        compared, deleted = results[size : 2 * size], results[2 * size :]
        return tuple(
            Moved(
                deleted=went.rowcount,
                inserted=found.rows[0][0],
                digest_out=add(found.rows[0][1]),
                digest_in=add(found.rows[0][2]),
            )
            for found, went in zip(compared, reversed(deleted), strict=True)
        )
