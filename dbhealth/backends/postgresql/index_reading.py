"""From rows of the catalogue to indexes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import Holds, Index, Shape
from dbhealth.backends.postgresql.index_sql import COLUMNS, WORDS
from dbhealth.backends.postgresql.index_words import DEFAULT_COLLATION, Attribute, Words
from dbhealth.backends.statement import Lock, Statement

LOCK_TIMEOUT = 0.5
"""Seconds that reading waits for a lock on a table that somebody took in the meantime."""

_HOLDS = {"p": Holds.PRIMARY_KEY, "u": Holds.UNIQUE, "x": Holds.EXCLUSION}


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


def read(
    executor: Executor, sql: str, *params: object
) -> tuple[tuple[Index, ...], tuple[str, ...]]:
    """Return the indexes that a statement of index_sql finds, and the tables it leaves out.

    Three statements, whatever there is. Raises Django's OperationalError when a lock was taken in
    between and kept for longer than LOCK_TIMEOUT.
    """
    rows = _look(executor, sql, *params)
    left_out = tuple(row[0] for row in rows if row[2] is None)
    found = [row for row in rows if row[2] is not None]
    if not found:
        return (), left_out
    columns = {
        (table, str(number)): Attribute(*column)
        for table, number, *column in _look(executor, COLUMNS, list({row[5] for row in found}))
    }
    words = _words(executor, found, columns.values())
    indexes = (_index(Found(*row), columns, words) for row in found)
    return tuple(index for index in indexes if index is not None), left_out


def _look(executor: Executor, sql: str, *params: object) -> list[tuple[Any, ...]]:
    statement = Statement(
        sql=sql,
        params=params,
        purpose="Read the indexes.",
        lock=Lock.ACCESS_SHARE,
        lock_timeout=LOCK_TIMEOUT,
    )
    return executor.run(statement).rows


def _words(
    executor: Executor, rows: Sequence[tuple[Any, ...]], columns: Iterable[Attribute]
) -> Words:
    types = {column.type for column in columns}
    types.update(kind for row in rows if row[13] for kind in row[13])
    vectors = {row[10] for row in rows}
    collations = {int(number) for vector in vectors for number in vector.split()}
    return Words.of(_look(executor, WORDS, list(types), list(collations)))


def _attributes(row: Found, columns: Mapping[tuple[int, str], Attribute]) -> list[Attribute]:
    """Return the columns and expressions of an index; nothing when one of them is gone."""
    numbers = row.attributes.split()
    if row.expressions is None or row.types is None:
        found = [columns.get((row.table_oid, number)) for number in numbers]
    else:
        texts, types = iter(row.expressions), row.types
        found = [
            columns.get((row.table_oid, number))
            if number != "0"
            else Attribute("", next(texts), types[place], DEFAULT_COLLATION)
            for place, number in enumerate(numbers)
        ]
    return [] if None in found else cast(list[Attribute], found)


def _index(row: Found, columns: Mapping[tuple[int, str], Attribute], words: Words) -> Index | None:
    """Return an index; None for one that was dropped, with its column, between two statements."""
    attributes = _attributes(row, columns)
    if not attributes:
        return None
    parts = words.parts(attributes, row.opclasses, row.collations, row.sorting, row.opclass_options)
    shape = Shape(
        method=row.method,
        keys=tuple([part for part, _ in parts]),
        unique=row.unique,
        include=tuple([attribute.name for attribute in attributes[row.key_count :]]),
        predicate=row.predicate or "",
        nulls_distinct=not row.nulls_not_distinct,
        excludes=tuple(row.excludes or ()),
        deferrable=_deferrable(row),
    )
    return Index(
        table=row.table,
        name=str(row.name),
        shape=shape,
        definition=_definition(row, [sql for _, sql in parts], attributes),
        oid=row.oid,
        holds=_HOLDS.get(row.constraint_type or "", Holds.NOTHING),
        constraint=row.constraint,
        referenced=row.referenced,
        valid=row.valid,
        building=row.building,
        replica_identity=row.replica_identity,
        clustered=row.clustered,
        child=row.child,
        partitioned=row.partitioned,
        options=tuple(row.options),
    )


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
    where = f" WHERE {row.predicate}" if row.predicate else ""
    kind = "UNIQUE INDEX" if row.unique else "INDEX"
    table = f"ONLY {row.table_sql}" if row.partitioned else row.table_sql
    start = f"CREATE {kind} {row.name_sql} ON {table} USING {row.method}"
    return f"{start} ({', '.join(keys)}){tail}{where}"
