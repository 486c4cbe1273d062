"""From rows of the catalogue to indexes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import Holds, Index, KeyPart, Shape
from dbhealth.backends.postgresql.index_sql import COLUMNS, WORDS
from dbhealth.backends.postgresql.index_words import DEFAULT_COLLATION, Attribute, Words
from dbhealth.backends.statement import Lock, Statement

LOCK_TIMEOUT = 0.5
"""Seconds that reading waits for a lock on a table that somebody took in the meantime."""

_HOLDS = {None: Holds.NOTHING, "p": Holds.PRIMARY_KEY, "u": Holds.UNIQUE, "x": Holds.EXCLUSION}


class Found(NamedTuple):
    """A row of the statements in index_sql; numbers are oids, vectors are numbers as text."""

    table: str
    table_sql: str
    name: str | None
    name_sql: str
    oid: int
    table_oid: int
    method: str
    attributes: str
    key_count: int
    opclasses: str
    collations: str
    sorting: str
    expressions: list[str] | None
    types: list[int] | None
    predicate: str | None
    options: list[str]
    options_sql: list[str] | None
    opclass_options: list[str | None] | None
    unique: bool
    nulls_not_distinct: bool
    valid: bool
    building: bool
    replica_identity: bool
    clustered: bool
    child: bool
    partitioned: bool
    constraint_type: str | None
    constraint: str
    deferrable: bool
    deferred: bool
    excludes: list[str] | None
    referenced: bool
    definition: str | None


Columns = defaultdict[int, dict[str, Attribute]]
"""Columns by the number of their table and their own, as pg_index writes it."""


def read(
    executor: Executor, sql: str, *params: object
) -> tuple[tuple[Index, ...], tuple[str, ...]]:
    """Return the indexes that a statement of index_sql finds, and the tables it leaves out.

    Three statements, whatever there is. Raises Django's OperationalError when a lock was taken in
    between and kept for longer than LOCK_TIMEOUT.
    """
    rows = [Found(*row) for row in _look(executor, sql, *params)]
    left_out = tuple(row.table for row in rows if row.name is None)
    found = [row for row in rows if row.name is not None]
    if not found:
        return (), left_out
    columns: Columns = defaultdict(dict)
    tables = list({row.table_oid for row in found})
    for table, number, *column in _look(executor, COLUMNS, tables):
        columns[table][str(number)] = Attribute(*column)
    reader = _Reader(columns, _words(executor, found, columns))
    indexes = [reader.index(row) for row in found]
    return tuple([index for index in indexes if index is not None]), left_out


def _look(executor: Executor, sql: str, *params: object) -> list[tuple[Any, ...]]:
    statement = Statement(
        sql=sql,
        params=params,
        purpose="Read the indexes.",
        lock=Lock.ACCESS_SHARE,
        lock_timeout=LOCK_TIMEOUT,
    )
    return executor.run(statement).rows


def _words(executor: Executor, rows: Sequence[Found], columns: Columns) -> Words:
    types = {column.type for of_table in columns.values() for column in of_table.values()}
    types.update(kind for row in rows if row.types for kind in row.types)
    vectors = {row.collations for row in rows}
    collations = {int(number) for vector in vectors for number in vector.split()}
    return Words.of(_look(executor, WORDS, list(types), list(collations)))


class _Reader:
    """Makes indexes of rows. Those of many tables are alike, and share what is made of it."""

    def __init__(self, columns: Columns, words: Words) -> None:
        """Keep what rows refer to by number."""
        self._columns, self._words = columns, words
        self._shapes: dict[tuple[Any, ...], Shape] = {}

    def index(self, row: Found) -> Index | None:
        """Return an index; None for one that was dropped with its column between statements."""
        attributes = self._attributes(row)
        if not attributes:
            return None
        parts = self._words.parts(
            attributes, row.opclasses, row.collations, row.sorting, row.opclass_options
        )
        return Index(
            table=row.table,
            name=str(row.name),
            shape=self._shape(row, tuple([part for part, _ in parts]), attributes),
            definition=_definition(row, [sql for _, sql in parts], attributes),
            oid=row.oid,
            holds=_HOLDS[row.constraint_type],
            constraint=row.constraint,
            referenced=row.referenced,
            valid=row.valid,
            building=row.building,
            replica_identity=row.replica_identity,
            clustered=row.clustered,
            child=row.child,
            partitioned=row.partitioned,
            options=tuple(row.options) if row.options else (),
        )

    def _attributes(self, row: Found) -> list[Attribute]:
        """Return the columns and expressions of an index; nothing when one of them is gone."""
        numbers, columns = row.attributes.split(), self._columns[row.table_oid]
        try:
            if row.expressions is None or row.types is None:
                return [columns[number] for number in numbers]
            texts, types = iter(row.expressions), row.types
            return [
                Attribute("", next(texts), types[place], DEFAULT_COLLATION)
                if number == "0"
                else columns[number]
                for place, number in enumerate(numbers)
            ]
        except KeyError:
            return []

    def _shape(
        self, row: Found, keys: tuple[KeyPart, ...], attributes: Sequence[Attribute]
    ) -> Shape:
        stored = attributes[row.key_count :]
        include = tuple([part.name for part in stored]) if stored else ()
        excludes = tuple(row.excludes) if row.excludes else ()
        deferrable = _deferrable(row)
        unique, distinct = row.unique, not row.nulls_not_distinct
        said = (row.method, keys, unique, include, row.predicate, distinct, excludes, deferrable)
        shape = self._shapes.get(said)
        if shape is None:
            shape = self._shapes[said] = Shape(
                method=row.method,
                keys=keys,
                unique=unique,
                include=include,
                predicate=row.predicate or "",
                nulls_distinct=distinct,
                excludes=excludes,
                deferrable=deferrable,
            )
        return shape


def _deferrable(row: Found) -> str:
    if not row.deferrable:
        return ""
    return "DEFERRABLE INITIALLY DEFERRED" if row.deferred else "DEFERRABLE"


def _definition(row: Found, keys: list[str], attributes: list[Attribute]) -> str:
    """Return what pg_get_indexdef would, or for what CREATE INDEX cannot make, ALTER TABLE."""
    tail = ""
    if len(attributes) > row.key_count:
        tail += f" INCLUDE ({', '.join(part.sql for part in attributes[row.key_count :])})"
    tail += " NULLS NOT DISTINCT" if row.nulls_not_distinct else ""
    tail += f" WITH ({', '.join(row.options_sql)})" if row.options_sql else ""
    if row.constraint_type == "x":
        listed = ", ".join(
            f"{key} WITH {operator}" for key, operator in zip(keys, row.excludes or (), strict=True)
        )
        where = f" WHERE ({row.predicate})" if row.predicate else ""
        text = f"EXCLUDE USING {row.method} ({listed}){tail}{where} {_deferrable(row)}".rstrip()
        return f"ALTER TABLE {row.table_sql} ADD CONSTRAINT {row.name_sql} {text}"
    if row.definition is not None:
        return row.definition
    where = f" WHERE {row.predicate}" if row.predicate else ""
    kind = "UNIQUE INDEX" if row.unique else "INDEX"
    table = f"ONLY {row.table_sql}" if row.partitioned else row.table_sql
    start = f"CREATE {kind} {row.name_sql} ON {table} USING {row.method}"
    return f"{start} ({', '.join(keys)}){tail}{where}"
