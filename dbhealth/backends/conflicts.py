"""Which archived rows cannot come back: questions that the database answers, a set at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dbhealth.backends.executor import Executor
from dbhealth.backends.intake import Formula, Restoration, Unique
from dbhealth.backends.keys import KeySql
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.selection import Key, Limits, Predicate, Selection
from dbhealth.backends.statement import Statement
from dbhealth.saying import say as _

SAMPLE = 5
"""So many keys are named of rows that are in conflict."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which rows are in conflict, as SQL: ``rest`` is asked of rows that fulfil ``own``.

    ``own`` and ``extras`` stand where the archive table is the only one in sight, ``rest`` where
    such a row is "dbh_new" and the extras are its dbh_0, dbh_1, … A question that is not
    ``certain`` is made of expressions that may mean nothing to the archive's columns.
    """

    kind: str
    subject: str
    own: str = ""
    extras: tuple[str, ...] = ()
    rest: Predicate | None = None
    certain: bool = True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How many rows are in conflict, and the keys of a few of them."""

    question: Question
    rows: int
    sample: tuple[Key, ...]


class ConflictSql(ABC):
    """Makes the questions and asks them. Takes no lock that outlives a statement."""

    def __init__(self, executor: Executor, sql: KeySql) -> None:
        """Keep the executor and what knows how names and keys are written."""
        self.executor, self.sql = executor, sql

    @abstractmethod
    def differs(self, left: str, right: str) -> str:
        """Return the condition that two values are not the same, NULL being one of them."""

    def key_taken(self, plan: Restoration) -> Question:
        """A row with that key lives in the table."""
        names = plan.selection.key_names
        same = self.sql.equal("dbh_live", names, "dbh_new", names)
        rest = f"EXISTS (SELECT 1 FROM {self.sql.name(plan.table)} AS dbh_live WHERE {same})"
        return Question(kind="key-taken", subject=", ".join(names), rest=Predicate(sql=rest))

    def unique_taken(self, plan: Restoration, unique: Unique) -> Question:
        """A living row has what must be unique."""
        listed = self._numbered(part.sql for part in unique.parts)
        where = f" WHERE {unique.condition}" if unique.condition else ""
        rest = (
            f"EXISTS (SELECT 1 FROM (SELECT {listed} FROM {self.sql.name(plan.table)}{where}) "
            f"AS dbh_live WHERE {_collide(unique, 'dbh_live')})"
        )
        return self._of_unique("unique-taken", unique, Predicate(sql=rest))

    def unique_within(self, plan: Restoration, unique: Unique) -> Question:
        """Another selected row of the archive has it as well."""
        selection = plan.selection
        table, names = selection.table, selection.key_names
        listed = self._numbered(part.sql for part in unique.parts)
        more = f" AND ({unique.condition})" if unique.condition else ""
        same = self.sql.equal("dbh_other", names, "dbh_new", names)
        rest = (
            f"EXISTS (SELECT 1 FROM (SELECT {self.sql.names(table, names)}, {listed} "
            f"FROM {self.sql.name(table)} WHERE ({selection.where.sql}){more}) AS dbh_other "
            f"WHERE {_collide(unique, 'dbh_other')} AND NOT ({same}))"
        )
        condition = Predicate(sql=rest, params=selection.where.params)
        return self._of_unique("unique-within", unique, condition)

    def _of_unique(self, kind: str, unique: Unique, rest: Predicate) -> Question:
        return Question(
            kind=kind,
            subject=unique.name,
            own=unique.condition,
            extras=tuple(part.sql for part in unique.parts),
            rest=rest,
            certain=unique.is_plain,
        )

    def parent_missing(
        self, plan: Restoration, link: ForeignKey, others: Sequence[Selection]
    ) -> Question:
        """The row points at no living row, and at none of ``others``, which come back before it.

        ``others`` are selections of archive tables with the columns of the link's target.
        """
        table = plan.selection.table
        columns = [self.sql.name(table, column) for column in link.columns]
        rest, params = [self._absent(link, self.sql.name(link.target), "")], ()
        for other in others:
            rest.append(self._absent(link, self.sql.name(other.table), other.where.sql))
            params += other.where.params
        return Question(
            kind="parent-missing",
            subject=link.label or ", ".join(link.columns),
            own=" AND ".join(f"{column} IS NOT NULL" for column in columns),
            extras=tuple(columns),
            rest=Predicate(sql=" AND ".join(rest), params=params),
        )

    def _absent(self, link: ForeignKey, table: str, where: str) -> str:
        # The table stands under its own name, because that is how the condition spells it.
        pairs = " AND ".join(
            f"{table}.{self.sql.name(name)} = dbh_new.dbh_{place}"
            for place, name in enumerate(link.target_columns)
        )
        more = f" AND ({where})" if where else ""
        return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {pairs}{more})"

    def column_gone(self, plan: Restoration, column: str) -> Question:
        """The row has a value in a column that the table has lost."""
        return Question(
            kind="column-gone",
            subject=column,
            own=f"{self.sql.name(plan.selection.table, column)} IS NOT NULL",
        )

    def null_in(self, plan: Restoration, column: str) -> Question:
        """The row has none in a column that must have one."""
        return Question(
            kind="null-in-not-null",
            subject=column,
            own=f"{self.sql.name(plan.selection.table, column)} IS NULL",
        )

    def generated_differs(self, plan: Restoration, formula: Formula) -> Question:
        """The database would compute another value than the archived one."""
        kept = self.sql.name(plan.selection.table, formula.name)
        return Question(
            kind="generated-differs",
            subject=formula.name,
            own=self.differs(f"({formula.sql})", kept),
            certain=False,
        )

    def check_fails(self, formula: Formula) -> Question:
        """A check constraint would refuse the row."""
        own = f"NOT ({formula.sql})"
        return Question(kind="check-fails", subject=formula.name, own=own, certain=False)

    def finder(self, selection: Selection, question: Question, scope: Predicate) -> Predicate:
        """Return a SELECT of the keys of those rows in ``scope`` that are in conflict."""
        table, names = selection.table, selection.key_names
        extras = self._numbered(question.extras)
        listed = ", ".join(filter(None, [self.sql.names(table, names), extras]))
        own = f" AND ({question.own})" if question.own else ""
        rest = question.rest or Predicate(sql="")
        where = f" WHERE {rest.sql}" if rest.sql else ""
        sql = (
            f"SELECT {self.sql.names('dbh_new', names)} FROM (SELECT {listed} "
            f"FROM {self.sql.name(table)} WHERE ({scope.sql}){own}) AS dbh_new{where}"
        )
        return Predicate(sql=sql, params=scope.params + rest.params)

    @staticmethod
    def _numbered(parts: Iterable[str]) -> str:
        return ", ".join(f"{sql} AS dbh_{place}" for place, sql in enumerate(parts))

    def question_statement(
        self, selection: Selection, question: Question, limits: Limits
    ) -> Statement:
        """Return the statement that counts the rows in conflict and names a few of them."""
        found = self.finder(selection, question, selection.where)
        order = self.sql.names("dbh_row", selection.key_names)
        sql = (
            f"SELECT count(*) OVER (), {self.sql.key_outputs('dbh_row', selection)} "
            f"FROM ({found.sql}) AS dbh_row ORDER BY {order} LIMIT {SAMPLE}"
        )
        return self.sql.read(
            sql, found, _("Look for conflicts: {kind}.", kind=question.kind), limits
        )

    def ask(self, selection: Selection, question: Question, limits: Limits) -> Answer:
        """Ask one question of all selected rows."""
        rows = self.executor.run(self.question_statement(selection, question, limits)).rows
        return Answer(
            question=question,
            rows=int(rows[0][0]) if rows else 0,
            sample=tuple(self.sql.key_loaded(row[1:]) for row in rows),
        )


def _collide(unique: Unique, table: str) -> str:
    return " AND ".join(
        f"{table}.dbh_{place} {part.operator} dbh_new.dbh_{place}"
        for place, part in enumerate(unique.parts)
    )
