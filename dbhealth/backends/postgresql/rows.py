"""Moving rows on PostgreSQL.

SNAPSHOT: at REPEATABLE READ the INSERT and the DELETE of a transaction see the same rows, and the
DELETE fails with 40001 when somebody has changed one of them since; the batch is rolled back.
RECHECK: at READ COMMITTED a DELETE checks its condition again on the newest version of a row that
somebody changed meanwhile, and RETURNING gives that version. So whatever is deleted is what is
inserted, and a row that is no longer eligible stays.
https://www.postgresql.org/docs/current/transaction-iso.html
"""

from __future__ import annotations

from dbhealth.backends.records import Moved
from dbhealth.backends.rows import Rows, writing
from dbhealth.backends.selection import KeyColumn, KeyRange, Limits, Predicate, Transfer, Way
from dbhealth.backends.statement import Lock, Statement


class PostgresRows(Rows):
    """SQL that only PostgreSQL has."""

    reading = Lock.ACCESS_SHARE
    fence = "OFFSET 0"

    def key_output(self, key: str) -> str:
        """Return the key as text, which every type can be written to and read from exactly."""
        return f"({key})::text"

    def key_input(self, column: KeyColumn) -> str:
        """Return the text cast back to the column's type."""
        return f"%s::{column.type}"

    def finite(self, timestamp: str) -> str:
        """Leave "infinity" and "-infinity" out."""
        return f"CASE WHEN isfinite({timestamp}) THEN {timestamp} END"

    def as_text(self, timestamp: str) -> str:
        """Return text; Python's datetime ends in the year 9999, PostgreSQL's does not."""
        return f"({timestamp})::text"

    def move_statements(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Statement, ...]:
        """Return the statements that move a range: pairs, or one that also counts."""
        if way is Way.SNAPSHOT or transfer.selection.is_family:
            return self.copy_and_delete(transfer, keys, limits, Lock.ROW_EXCLUSIVE)
        skip_locked = way is Way.SKIP_LOCKED
        deletion = self._skipping(transfer, keys) if skip_locked else self._plain(transfer, keys)
        copy = transfer.copy
        copied = ", ".join(self.name("dbh_gone", column) for column in copy.columns)
        stamps = "".join(", %s" for _ in copy.stamps)
        sql = (
            f"WITH {deletion.sql}, dbh_kept AS ({self.insert_into(copy)} "
            f"SELECT {copied}{stamps} FROM dbh_gone RETURNING 1) "
            "SELECT (SELECT count(*) FROM dbh_gone), (SELECT count(*) FROM dbh_kept)"
        )
        params = deletion.params + tuple(value for _, value in copy.stamps)
        purpose = "Delete one batch and insert what was deleted into the archive."
        return (writing(sql, params, purpose, limits, Lock.ROW_EXCLUSIVE),)

    def _returning(self, transfer: Transfer) -> str:
        return f"RETURNING {self.names(transfer.copy.table, transfer.copy.columns)}"

    def _plain(self, transfer: Transfer, keys: KeyRange) -> Predicate:
        condition = self.within(transfer.selection, keys)
        sql = (
            f"dbh_gone AS (DELETE FROM {self.name(transfer.copy.table)} WHERE {condition.sql} "
            f"{self._returning(transfer)})"
        )
        return Predicate(sql=sql, params=condition.params)

    def _skipping(self, transfer: Transfer, keys: KeyRange) -> Predicate:
        selection = transfer.selection
        condition = self.within(selection, keys)
        table, names = self.name(selection.table), selection.key_names
        # MATERIALIZED: the rows that were locked are the rows that are deleted, no others.
        sql = (
            f"dbh_locked AS MATERIALIZED (SELECT {self.names(selection.table, names)} "
            f"FROM {table} WHERE {condition.sql} FOR UPDATE SKIP LOCKED), "
            f"dbh_gone AS (DELETE FROM {table} USING dbh_locked "
            f"WHERE {self.equal(selection.table, names, 'dbh_locked', names)} "
            f"{self._returning(transfer)})"
        )
        return Predicate(sql=sql, params=condition.params)

    def move(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Moved, ...]:
        """Run the statements and return the counts."""
        statements = self.move_statements(transfer, keys, limits, way)
        if len(statements) > 1:
            return self.run_pairs(statements)
        deleted, inserted = self.executor.run(statements[0]).first or (0, 0)
        return (Moved(deleted=deleted, inserted=inserted),)
