"""Numbers that run out, and rules that do not hold for every row."""

from __future__ import annotations

from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.key_records import (
    Collation,
    IntegerKey,
    IntegerReference,
    NumberSequence,
    UnprovenConstraint,
)
from dbhealth.backends.postgresql import key_sql, server_sql
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

_KINDS = {"c": "CHECK", "f": "FOREIGN KEY", "n": "NOT NULL"}


class PostgresKeys:
    """The part of the facts that is about single tables."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _look(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=params,
            purpose=_("Ask the server about itself."),
            lock=Lock.ACCESS_SHARE,
        )
        return self._executor.run(statement).rows

    def sequences(self) -> tuple[NumberSequence, ...]:
        """Return the sequences of this database, by the order of their making."""
        names = (
            *("name", "schema", "minimum", "maximum", "increment", "cycles", "type", "last"),
            *("readable", "locked", "table", "column", "column_type", "identity"),
        )
        rows = self._look(key_sql.SEQUENCES)
        return tuple(NumberSequence(**dict(zip(names, row, strict=True))) for row in rows)

    def integer_keys(self) -> tuple[IntegerKey, ...]:
        """Return the columns of whole numbers that are unique by themselves, foreign keys not."""
        rows = self._look(key_sql.INTEGER_KEYS)
        largest = self._largest({row[-1] for row in rows}, {row[1] for row in rows})
        return tuple(
            IntegerKey(
                table=table,
                column=column,
                type=kind,
                primary=primary,
                largest=largest.get((schema, relation, column)),
                rows=count,
                readable=readable,
            )
            for table, column, kind, primary, count, readable, schema, relation in rows
        )

    def _largest(self, relations: set[str], columns: set[str]) -> dict[tuple[str, str, str], int]:
        """Return the largest values that ANALYZE saw, by schema, relation and column."""
        rows = self._look(key_sql.LARGEST, sorted(relations), sorted(columns)) if columns else []
        return {
            (schema, relation, column): int(value)
            for schema, relation, column, value in rows
            if value.lstrip("-").isdecimal()
        }

    def integer_references(self) -> tuple[IntegerReference, ...]:
        """Return the foreign keys of one column of whole numbers."""
        names = ("name", "table", "column", "type", "target", "target_column", "target_type")
        rows = self._look(key_sql.INTEGER_REFERENCES)
        return tuple(IntegerReference(**dict(zip(names, row, strict=True))) for row in rows)

    def unproven_constraints(self) -> tuple[UnprovenConstraint, ...]:
        """Return the constraints that are enforced but were never validated."""
        return tuple(
            UnprovenConstraint(name=name, table=table, kind=_KINDS.get(kind, "constraint"))
            for name, table, kind in self._look(key_sql.UNPROVEN)
        )

    def stale_collations(self) -> tuple[Collation, ...]:
        """Return the collations in use whose library has another version now."""
        return tuple(
            Collation(
                name=name,
                database=database,
                recorded=recorded,
                actual=actual,
                indexes=tuple(indexes),
            )
            for name, database, recorded, actual, indexes in self._look(key_sql.COLLATIONS)
        )

    def checksum_failures(self) -> int:
        """Return how many pages had a wrong checksum, shared catalogues among them."""
        return int(self._look(server_sql.CHECKSUM_FAILURES)[0][0])
