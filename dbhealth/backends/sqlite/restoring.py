"""Bringing rows back on SQLite: insert, compare, delete, while the write lock is held."""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.backends.conflicts import Question
from dbhealth.backends.intake import Intake, Restoration, Returned
from dbhealth.backends.restoring import Restoring
from dbhealth.backends.rows import writing
from dbhealth.backends.selection import KeyRange, Limits, Predicate
from dbhealth.backends.sqlite.intake import read_intake
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

_BATCH = "temp.dbh_batch"
"""The keys of a batch, where the insert would change what the delete finds."""


class SqliteRestoring(Restoring):
    """SQL that only SQLite has."""

    def differs(self, left: str, right: str) -> str:
        """Compare with NULL as a value of its own."""
        return f"{left} IS NOT {right}"

    def intake(self, table: str, limits: Limits) -> Intake:
        """Return what a table demands of rows that come in."""
        return read_intake(self.executor, table)

    def statements(
        self, plan: Restoration, keys: KeyRange, skip: Sequence[Question], limits: Limits
    ) -> tuple[Statement, ...]:
        """Return the insert, the comparison where there is something to compare, the delete.

        With ``skip`` the keys are noted first: rows that have come back would be in conflict with
        themselves.
        """
        selection = plan.selection
        table = self.sql.name(selection.table)
        condition = self.batch(plan, keys, skip)
        noted: tuple[Statement, ...] = ()
        if skip:
            noted = self._noted(plan, condition, limits)
            key = self.sql.tuple_of(selection.table, selection)
            condition = Predicate(sql=f"{key} IN (SELECT * FROM {_BATCH})")
        copied = self.sql.names(selection.table, plan.columns)
        same = self.sql.equal(plan.table, selection.key_names, selection.table, selection.key_names)
        insert = (
            f"{self.into(plan)} SELECT {copied} FROM {table} WHERE {condition.sql}",
            _("Put one batch back into the table."),
        )
        compare = (
            f"SELECT count(*) FROM {table} JOIN {self.sql.name(plan.table)} ON {same} "
            f"WHERE ({condition.sql}) "
            f"AND ({self.changed(plan, plan.table, selection.table)})",
            _("Compare what came back with what was archived."),
        )
        delete = (
            f"DELETE FROM {table} WHERE {condition.sql}",
            _("Delete the same batch from the archive."),
        )
        work = (insert, compare, delete) if plan.verified else (insert, delete)
        return (
            *noted,
            *(
                writing(sql, condition.params, purpose, limits, Lock.RESERVED)
                for sql, purpose in work
            ),
        )

    def _noted(
        self, plan: Restoration, condition: Predicate, limits: Limits
    ) -> tuple[Statement, ...]:
        listed = self.sql.names(plan.selection.table, plan.selection.key_names)
        note = (
            f"CREATE TEMP TABLE dbh_batch AS SELECT {listed} "
            f"FROM {self.sql.name(plan.selection.table)} WHERE {condition.sql}"
        )
        return (
            writing(f"DROP TABLE IF EXISTS {_BATCH}", (), "Make room.", limits, Lock.NONE),
            writing(note, condition.params, _("Note the keys of one batch."), limits, Lock.NONE),
        )

    def bring_back(
        self, plan: Restoration, keys: KeyRange, skip: Sequence[Question], limits: Limits
    ) -> Returned:
        """Run the statements and return how many rows each has touched."""
        statements = self.statements(plan, keys, skip, limits)
        work = statements[2:] if skip else statements
        for statement in statements[: len(statements) - len(work)]:
            self.executor.run(statement)
        inserted = self.executor.run(work[0]).rowcount
        changed = int(self.executor.run(work[1]).value) if plan.verified else 0
        deleted = self.executor.run(work[-1]).rowcount
        if skip:
            self.executor.run(statements[0])
        return Returned(deleted=deleted, inserted=inserted, changed=changed)

    def advance(self, plan: Restoration, limits: Limits) -> tuple[str, ...]:
        """Do nothing: SQLite itself counts on from the greatest key that was ever inserted.

        https://www.sqlite.org/autoinc.html
        """
        return ()
