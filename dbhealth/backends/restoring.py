"""Bringing archived rows back: which rows one batch takes, and what both engines do alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from dbhealth.backends.conflicts import ConflictSql, Question
from dbhealth.backends.intake import Intake, Restoration, Returned
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.selection import KeyRange, Limits, Predicate
from dbhealth.backends.statement import Statement
from dbhealth.saying import say as _


class Restoring(ConflictSql):
    """The way back. What both engines share stands here, the rest in the engine's folder."""

    @abstractmethod
    def intake(self, table: str, limits: Limits) -> Intake:
        """Return what a table demands of rows that come in."""

    @abstractmethod
    def statements(
        self, plan: Restoration, keys: KeyRange, skip: Sequence[Question], limits: Limits
    ) -> tuple[Statement, ...]:
        """Return the statements that bring back one range of keys, in their order.

        Rows for which one of the questions in ``skip`` finds a conflict stay, and so does what
        points at a row that stays.
        """

    @abstractmethod
    def bring_back(
        self, plan: Restoration, keys: KeyRange, skip: Sequence[Question], limits: Limits
    ) -> Returned:
        """Bring back one range of keys.

        The caller holds the transaction, begun by ``Session.begin_batch``, and must compare the
        counts and roll back unless they are equal and nothing has changed.
        """

    @abstractmethod
    def advance(self, plan: Restoration, limits: Limits) -> tuple[str, ...]:
        """Let the table's sequences go on behind the keys that come back; return which moved.

        Only ever forward. Outside of any transaction, before the first batch: from then on no
        other session is given a number that is about to come back.
        """

    def restorable(self, plan: Restoration, skip: Sequence[Question], limits: Limits) -> int:
        """Return how many rows come back in all when those in conflict stay."""
        condition = self.batch(plan, KeyRange(), skip)
        table = self.sql.name(plan.selection.table)
        sql = f"SELECT count(*) FROM {table} WHERE {condition.sql}"
        purpose = _("Count the rows that are in no conflict.")
        return int(self.executor.run(self.sql.read(sql, condition, purpose, limits)).value)

    def batch(self, plan: Restoration, keys: KeyRange, skip: Sequence[Question]) -> Predicate:
        """Return the condition for the rows of one batch."""
        selection = plan.selection
        if not plan.links and not skip:
            return self.sql.within(selection, keys)
        parts = [self._family(plan, keys)]
        chosen = "SELECT * FROM dbh_family"
        if skip:
            parts.append(self._stays(plan, skip))
            chosen += " EXCEPT SELECT * FROM dbh_stays"
        before = ", ".join(part.sql for part in parts)
        key = self.sql.tuple_of(selection.table, selection)
        return Predicate(
            sql=f"{key} IN (WITH RECURSIVE {before} {chosen})",
            params=tuple(value for part in parts for value in part.params),
        )

    def _family(self, plan: Restoration, keys: KeyRange) -> Predicate:
        """The rows of a range, and the selected ones that they point at, wherever these stand."""
        selection = plan.selection
        table, names = selection.table, selection.key_names
        listed, archive = self.sql.names(table, names), self.sql.name(table)
        seed = self.sql.within(selection, keys)
        sql, params = f"SELECT {listed} FROM {archive} WHERE {seed.sql}", seed.params
        if plan.links:
            linked = " OR ".join(
                f"({self.sql.equal('dbh_child', link.columns, table, link.target_columns)})"
                for link in plan.links
            )
            sql += (
                f" UNION SELECT {listed} FROM dbh_family JOIN {archive} AS dbh_child "
                f"ON {self.sql.equal('dbh_child', names, 'dbh_family', names)} "
                f"JOIN {archive} ON {linked} WHERE {selection.where.sql}"
            )
            params += selection.where.params
        return Predicate(sql=f"dbh_family ({self._columns(plan)}) AS ({sql})", params=params)

    def _stays(self, plan: Restoration, skip: Sequence[Question]) -> Predicate:
        """The rows of the family in conflict, and those that would point at one of them."""
        selection = plan.selection
        table, names = selection.table, selection.key_names
        family = "(SELECT * FROM dbh_family)"
        scope = Predicate(sql=f"{self.sql.tuple_of(table, selection)} IN {family}")
        finders = [self.finder(selection, question, scope) for question in skip]
        sql = " UNION ".join(finder.sql for finder in finders)
        if plan.links:
            archive, child = self.sql.name(table), self.sql.tuple_of("dbh_child", selection)
            linked = " OR ".join(f"({self._hangs_on(plan, link)})" for link in plan.links)
            sql += (
                f" UNION SELECT {self.sql.names('dbh_child', names)} FROM dbh_stays "
                f"JOIN {archive} AS dbh_parent "
                f"ON {self.sql.equal('dbh_parent', names, 'dbh_stays', names)} "
                f"JOIN {archive} AS dbh_child ON {linked} WHERE {child} IN {family}"
            )
        params = tuple(value for finder in finders for value in finder.params)
        return Predicate(sql=f"dbh_stays ({self._columns(plan)}) AS ({sql})", params=params)

    def _hangs_on(self, plan: Restoration, link: ForeignKey) -> str:
        """The child points at the parent, and at no living row in its place."""
        points = self.sql.equal("dbh_child", link.columns, "dbh_parent", link.target_columns)
        lives = self.sql.equal("dbh_child", link.columns, "dbh_live", link.target_columns)
        live = f"SELECT 1 FROM {self.sql.name(plan.table)} AS dbh_live WHERE {lives}"
        return f"{points} AND NOT EXISTS ({live})"

    def _columns(self, plan: Restoration) -> str:
        return ", ".join(self.sql.name(name) for name in plan.selection.key_names)

    def into(self, plan: Restoration) -> str:
        """Return INSERT INTO with the columns that are copied."""
        columns = ", ".join(self.sql.name(name) for name in plan.columns)
        return f"INSERT INTO {self.sql.name(plan.table)} ({columns})"

    def changed(self, plan: Restoration, back: str, gone: str) -> str:
        """Return the condition that a row that came back has another value than the archived."""
        return " OR ".join(
            self.differs(self.sql.name(back, name), self.sql.name(gone, name))
            for name in plan.verified
        )
