"""Moving rows on PostgreSQL.

SNAPSHOT: at REPEATABLE READ the INSERT and the DELETE of a transaction see the same rows, and the
DELETE fails with 40001 when somebody has changed one of them since; the batch is rolled back.
RECHECK: at READ COMMITTED a DELETE checks its condition again on the newest version of a row that
somebody changed meanwhile, and RETURNING gives that version. So whatever is deleted is what is
inserted, and a row that is no longer eligible stays.
https://www.postgresql.org/docs/current/transaction-iso.html

What leaves and what arrives is digested by RETURNING, as the very statements have found and stored
it: a trigger that changes a row on its way in shows, and no row is looked for a second time. Where
no digest is wanted the pair is counted by what INSERT and DELETE say that they did: to return the
rows costs a sixth of the time. A table with rules, of which that would not hold, is refused before.
https://www.postgresql.org/docs/current/rules-status.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dbhealth.backends.digest import NOTHING, add
from dbhealth.backends.executor import Executor, Result
from dbhealth.backends.postgresql.digest import PostgresDigest
from dbhealth.backends.records import Moved
from dbhealth.backends.rows import Rows, writing
from dbhealth.backends.selection import (
    Copy,
    KeyColumn,
    KeyRange,
    Limits,
    Predicate,
    Transfer,
    Way,
)
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _


class PostgresRows(Rows):
    """SQL that only PostgreSQL has."""

    reading = Lock.ACCESS_SHARE
    fence = "OFFSET 0"

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        super().__init__(executor)
        self.digest = PostgresDigest(executor)

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
        """Return the statements that move a range: a pair, or one that does everything."""
        if transfer.selection.is_family:
            return (self._family(transfer, keys, limits),)
        if way is Way.SNAPSHOT:
            return self.copy_and_delete(transfer, keys, limits, Lock.ROW_EXCLUSIVE)
        skip_locked = way is Way.SKIP_LOCKED
        deletion = self._skipping(transfer, keys) if skip_locked else self._plain(transfer, keys)
        copy = transfer.copy
        copied = self.names("dbh_gone", copy.names)
        stamps = "".join(", %s" for _ in copy.stamps)
        sql = (
            f"WITH {deletion.sql}, dbh_kept AS ({self.insert_into(copy)} "
            f"SELECT {copied}{stamps} FROM dbh_gone RETURNING {self._arrived(copy)}) "
            f"SELECT {', '.join(_totals('dbh_kept') + _totals('dbh_gone'))}"
        )
        params = deletion.params + tuple(value for _, value in copy.stamps)
        purpose = _("Delete one batch and insert what was deleted into the archive.")
        return (writing(sql, params, purpose, limits, Lock.ROW_EXCLUSIVE),)

    def _family(self, transfer: Transfer, keys: KeyRange, limits: Limits) -> Statement:
        """Return the one statement that copies and deletes the rows of all tables of a family.

        All its parts see the same rows, who belongs to whom is found once, and foreign keys are
        looked at when the last part is done.
        https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
        """
        chain = self.chain(transfer.selection, keys)
        parts, params = [chain.sql], list(chain.params)
        came: list[str] = []
        went: list[str] = []
        for place, copy in enumerate(transfer.copies):
            condition = self.in_set(transfer.selection.everybody[place], place)
            insert = super().insertion(copy, condition, limits, Lock.ROW_EXCLUSIVE)
            delete = super().deletion(copy, condition, limits, Lock.ROW_EXCLUSIVE)
            parts += [
                f"dbh_came_{place} AS ({insert.sql} RETURNING {self._arrived(copy)})",
                f"dbh_went_{place} AS ({delete.sql} RETURNING {self._left(copy)})",
            ]
            params += [*insert.params, *delete.params]
            came += _totals(f"dbh_came_{place}")
            went = _totals(f"dbh_went_{place}") + went
        # A part runs when it is first asked for: copies come first, and children leave before
        # their parents, so that a batch that must wait for a row waits before it has any parent.
        sql = f"{', '.join(parts)} SELECT {', '.join(came + went)}"
        purpose = _("Copy one batch of families into their archives and delete it from its tables.")
        return writing(sql, tuple(params), purpose, limits, Lock.ROW_EXCLUSIVE)

    def insertion(self, copy: Copy, condition: Predicate, limits: Limits, lock: Lock) -> Statement:
        """Return the statement that copies rows, and counts and digests them if that is wanted."""
        statement = super().insertion(copy, condition, limits, lock)
        return _digesting(statement, self._arrived(copy)) if copy.digested else statement

    def deletion(self, copy: Copy, condition: Predicate, limits: Limits, lock: Lock) -> Statement:
        """Return the statement that deletes rows, and counts and digests them if that is wanted."""
        statement = super().deletion(copy, condition, limits, lock)
        return _digesting(statement, self._left(copy)) if copy.digested else statement

    def _arrived(self, copy: Copy) -> str:
        row = self.digest.row(copy.target, copy.kept_as) if copy.digested else NOTHING
        return f"{row} AS dbh_digest"

    def _left(self, copy: Copy) -> str:
        row = self.digest.row(copy.table, copy.columns, copy.kept_as) if copy.digested else NOTHING
        return f"{row} AS dbh_digest"

    def _returning(self, transfer: Transfer) -> str:
        copy = transfer.copy
        return f"RETURNING {self.names(copy.table, copy.names)}, {self._left(copy)}"

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
        """Run the statements and return the counts and digests."""
        statements = self.move_statements(transfer, keys, limits, way)
        if len(statements) > 1:
            results = self.executor.run_together(statements)
            return _paired(results, digested=transfer.copy.digested)
        found = self.executor.run(statements[0]).first or ()
        pairs = list(zip(found[::2], found[1::2], strict=True))
        size = len(transfer.copies)
        return tuple(map(_moved, pairs[:size], reversed(pairs[size:])))


def _totals(part: str) -> list[str]:
    """Return the columns that count and digest what a part of a statement returns."""
    return [f"(SELECT {what} FROM {part})" for what in ("count(*)", "sum(dbh_digest)")]


def _digesting(statement: Statement, row: str) -> Statement:
    sql = (
        f"WITH dbh_rows AS ({statement.sql} RETURNING {row}) "
        "SELECT count(*), sum(dbh_digest) FROM dbh_rows"
    )
    return replace(statement, sql=sql)


def _paired(results: Sequence[Result], *, digested: bool) -> tuple[Moved, ...]:
    """Return what came of an insert and a delete: what they return, or how many rows they wrote."""
    came, went = (
        (result.first or (0, 0)) if digested else (result.rowcount, NOTHING) for result in results
    )
    return (_moved(came, went),)


def _moved(came: Sequence[Any], went: Sequence[Any]) -> Moved:
    """Return what came of two counts, each with its sum of digests."""
    return Moved(
        deleted=went[0],
        inserted=came[0],
        digest_out=add(went[1]),
        digest_in=add(came[1]),
    )
