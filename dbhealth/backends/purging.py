"""Deleting rows of an archive table for good, one range of keys at a time.

Nothing is left to compare with afterwards, so a range is counted, by the runs that archived its
rows, and deleted under one snapshot; the two must agree. On PostgreSQL that is REPEATABLE READ,
where the DELETE fails with 40001 when somebody has changed one of the rows since; on SQLite the
write lock keeps everybody else out.
https://www.postgresql.org/docs/current/transaction-iso.html
"""

from __future__ import annotations

from dataclasses import dataclass

from dbhealth.backends.rows import Rows
from dbhealth.backends.selection import KeyRange, Limits, Selection
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.saying import say as _

NO_RUN = "none"
"""Stands for the run of rows that do not say which run has archived them."""


@dataclass(frozen=True, kw_only=True)
class Purged:
    """One range: the rows deleted, and the rows counted before by the run that archived them."""

    deleted: int
    runs: dict[str, int]

    @property
    def counted(self) -> int:
        """All rows that were counted."""
        return sum(self.runs.values())


class Purging:
    """The SQL of a purge. Both engines share all of it."""

    def __init__(self, rows: Rows, *, writing: Lock) -> None:
        """Keep what knows keys and ranges, and the lock that a DELETE takes."""
        self._rows, self._writing = rows, writing

    def span(
        self, selection: Selection, column: str, limits: Limits
    ) -> tuple[str | None, str | None]:
        """Return the oldest and newest value of a time of the eligible rows, as text."""
        statement = self.span_statement(selection, column, limits)
        oldest, newest = self._rows.executor.run(statement).first or (None, None)
        return oldest, newest

    def span_statement(self, selection: Selection, column: str, limits: Limits) -> Statement:
        """Return the statement of :meth:`span`."""
        rows, condition = self._rows, self._rows.within(selection, KeyRange())
        finite = rows.finite(rows.name(selection.table, column))
        sql = (
            f"SELECT {rows.as_text(f'min({finite})')}, {rows.as_text(f'max({finite})')} "
            f"FROM {rows.name(selection.table)} WHERE {condition.sql}"
        )
        return rows.read(sql, condition, _("Find the oldest and the newest row."), limits)

    def runs(
        self, selection: Selection, run_column: str, keys: KeyRange, limits: Limits
    ) -> dict[str, int]:
        """Return the eligible rows of a range of keys, by the id of the run that archived them."""
        statement = self.runs_statement(selection, run_column, keys, limits)
        return _by_run(self._rows.executor.run(statement).rows)

    def runs_statement(
        self, selection: Selection, run_column: str, keys: KeyRange, limits: Limits
    ) -> Statement:
        """Return the statement of :meth:`runs`."""
        rows, condition = self._rows, self._rows.within(selection, keys)
        run = rows.name(selection.table, run_column)
        sql = (
            f"SELECT {run}, count(*) FROM {rows.name(selection.table)} "
            f"WHERE {condition.sql} GROUP BY {run} ORDER BY {run}"
        )
        return rows.read(sql, condition, _("Count the rows by the run that archived them."), limits)

    def delete_statements(
        self, selection: Selection, run_column: str, keys: KeyRange, limits: Limits
    ) -> tuple[Statement, Statement]:
        """Return the statements of :meth:`delete`: they count, then delete, the same rows."""
        rows, condition = self._rows, self._rows.within(selection, keys)
        counting = self.runs_statement(selection, run_column, keys, limits)
        deleting = Statement(
            sql=f"DELETE FROM {rows.name(selection.table)} WHERE {condition.sql}",
            params=condition.params,
            purpose=_("Delete them for good."),
            lock=self._writing,
            transaction=InTransaction.REQUIRED,
            lock_timeout=limits.lock,
            statement_timeout=limits.statement,
        )
        return counting, deleting

    def delete(
        self, selection: Selection, run_column: str, keys: KeyRange, limits: Limits
    ) -> Purged:
        """Count and delete the eligible rows of one range of keys.

        The caller holds the transaction, begun by ``Session.begin_batch`` with a snapshot, and
        must compare the two counts and roll back unless they are equal.
        """
        statements = self.delete_statements(selection, run_column, keys, limits)
        counted, deleted = (self._rows.executor.run(statement) for statement in statements)
        return Purged(deleted=deleted.rowcount, runs=_by_run(counted.rows))


def _by_run(rows: list[tuple[int | None, int]]) -> dict[str, int]:
    return {NO_RUN if run is None else str(run): int(count) for run, count in rows}
