"""Bringing rows back on PostgreSQL: one statement a batch.

All parts of one statement see the same snapshot: whatever is taken from the archive is what is
put into the table, and the foreign keys of the rows are looked at when all of them are there.
https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from dbhealth.backends.conflicts import Question
from dbhealth.backends.intake import Intake, Restoration, Returned
from dbhealth.backends.names import quoted
from dbhealth.backends.postgresql.intake import read_intake
from dbhealth.backends.restoring import Restoring
from dbhealth.backends.rows import writing
from dbhealth.backends.selection import KeyRange, Limits
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.saying import say as _

# Sequences that belong to a column, as an identity or serial, and those that its default asks.
_SEQUENCES = """
    SELECT DISTINCT a.attname, s.seqrelid::bigint, n.nspname || '"."' || c.relname,
           s.seqincrement, s.seqmin, s.seqmax
      FROM pg_attribute a
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      JOIN pg_depend p
        ON (p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
            AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i'))
        OR (p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
            AND p.refclassid = 'pg_class'::regclass)
      JOIN pg_sequence s
        ON s.seqrelid = CASE WHEN p.classid = 'pg_class'::regclass THEN p.objid ELSE p.refobjid END
      JOIN pg_class c ON c.oid = s.seqrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY 1, 2
"""


class PostgresRestoring(Restoring):
    """SQL that only PostgreSQL has."""

    def differs(self, left: str, right: str) -> str:
        """Compare as text: not every type can be compared, and every one can be written."""
        return f"({left})::text IS DISTINCT FROM ({right})::text"

    def intake(self, table: str, limits: Limits) -> Intake:
        """Return what a table demands of rows that come in."""
        return read_intake(self.executor, table, limits)

    def statements(
        self, plan: Restoration, keys: KeyRange, skip: Sequence[Question], limits: Limits
    ) -> tuple[Statement, ...]:
        """Return the one statement that deletes, inserts, compares and counts."""
        selection = plan.selection
        names = selection.key_names
        condition = self.batch(plan, keys, skip)
        taken = dict.fromkeys((*plan.columns, *plan.verified))
        put = dict.fromkeys((*names, *plan.verified))
        changed = (
            f"SELECT count(*) FROM dbh_gone JOIN dbh_back ON "
            f"{self.sql.equal('dbh_gone', names, 'dbh_back', names)} "
            f"WHERE {self.changed(plan, 'dbh_back', 'dbh_gone')}"
            if plan.verified
            else "SELECT 0"
        )
        # GENERATED ALWAYS AS IDENTITY takes a given value only for these words.
        overriding = " OVERRIDING SYSTEM VALUE" if plan.always else ""
        sql = (
            f"WITH dbh_gone AS (DELETE FROM {self.sql.name(selection.table)} WHERE {condition.sql} "
            f"RETURNING {self.sql.names(selection.table, taken)}), "
            f"dbh_back AS ({self.into(plan)}{overriding} "
            f"SELECT {self.sql.names('dbh_gone', plan.columns)} FROM dbh_gone "
            f"RETURNING {self.sql.names(plan.table, put)}) "
            "SELECT (SELECT count(*) FROM dbh_gone), (SELECT count(*) FROM dbh_back), "
            f"({changed})"
        )
        purpose = _("Take one batch from the archive and put it back into the table.")
        return (writing(sql, condition.params, purpose, limits, Lock.ROW_EXCLUSIVE),)

    def bring_back(
        self, plan: Restoration, keys: KeyRange, skip: Sequence[Question], limits: Limits
    ) -> Returned:
        """Run the statement and return its counts."""
        (statement,) = self.statements(plan, keys, skip, limits)
        deleted, inserted, changed = self.executor.run(statement).first or (0, 0, 0)
        return Returned(deleted=deleted, inserted=inserted, changed=changed)

    def advance(self, plan: Restoration, limits: Limits) -> tuple[str, ...]:
        """Move the sequences of the table that are behind the greatest key that comes back."""
        look = self._look(_SEQUENCES, (quoted(plan.table),), limits)
        moved = []
        for column, oid, name, step, lowest, highest in self.executor.run(look).rows:
            if column not in plan.columns:
                continue
            # One step short of the end, so that a next number is left: a key at the very end was
            # not given out by the sequence on its way.
            bound = (lowest, highest - step) if step > 0 else (lowest - step, highest)
            wanted = self._furthest(plan, column, bound, limits, downwards=step < 0)
            if wanted is None or not self._is_behind(name, wanted, limits, downwards=step < 0):
                continue
            self._move(plan, (oid, name), wanted, limits, downwards=step < 0)
            moved.append(name)
        return tuple(moved)

    def _look(self, sql: str, params: tuple[object, ...], limits: Limits) -> Statement:
        return Statement(
            sql=sql,
            params=params,
            purpose=_("See how far the sequences are."),
            lock=Lock.ACCESS_SHARE,
            lock_timeout=limits.lock,
            statement_timeout=limits.statement,
        )

    def _furthest(
        self,
        plan: Restoration,
        column: str,
        bound: tuple[int, int],
        limits: Limits,
        *,
        downwards: bool,
    ) -> int | None:
        selection = plan.selection
        name = self.sql.name(selection.table, column)
        sql = (
            f"SELECT {'min' if downwards else 'max'}({name}) FROM "
            f"{self.sql.name(selection.table)} WHERE ({selection.where.sql}) "
            f"AND {name} BETWEEN %s AND %s"
        )
        found = self.executor.run(self._look(sql, (*selection.where.params, *bound), limits)).value
        return None if found is None else int(found)

    def _is_behind(self, name: str, wanted: int, limits: Limits, *, downwards: bool) -> bool:
        sql = f"SELECT 1 FROM {self.sql.name(name)} WHERE {_behind(downwards=downwards)}"
        return bool(self.executor.run(self._look(sql, (wanted, wanted), limits)).value)

    def _move(
        self,
        plan: Restoration,
        sequence: tuple[int, str],
        wanted: int,
        limits: Limits,
        *,
        downwards: bool,
    ) -> None:
        """Move one sequence while nobody else can insert: setval() overwrites what others took."""
        oid, name = sequence
        lock = Statement(
            sql=f"LOCK TABLE {self.sql.name(plan.table)} IN SHARE ROW EXCLUSIVE MODE",
            purpose=_("Keep others from inserting while a sequence is moved."),
            lock=Lock.SHARE_ROW_EXCLUSIVE,
            transaction=InTransaction.REQUIRED,
            lock_timeout=limits.lock,
        )
        sql = (
            f"SELECT setval(%s::oid::regclass, %s) FROM {self.sql.name(name)} "
            f"WHERE {_behind(downwards=downwards)}"
        )
        purpose = _("Let the sequence go on behind the keys that come back.")
        setval = writing(sql, (oid, wanted, wanted, wanted), purpose, limits, Lock.ROW_EXCLUSIVE)
        with transaction.atomic(using=self.executor.alias):
            self.executor.run(lock)
            self.executor.run(setval)


def _behind(*, downwards: bool) -> str:
    return f"last_value {'>' if downwards else '<'} %s OR (last_value = %s AND NOT is_called)"
