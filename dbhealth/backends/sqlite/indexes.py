"""The indexes that the database has, and what it would make of SQL for one.

https://www.sqlite.org/pragma.html#pragma_index_xinfo
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import Holds, Index, IndexCatalogue, Shape, Sketch
from dbhealth.backends.names import quoted
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.sqlite.declarations import index_parts
from dbhealth.backends.sqlite.index_shapes import key, shape_of, sketched
from dbhealth.backends.sqlite.index_use import SqliteIndexUses
from dbhealth.backends.sqlite.tables import Table, read_tables
from dbhealth.backends.statement import Lock, Statement

# An index without SQL belongs to a PRIMARY KEY or UNIQUE of its table. A pragma on a virtual table
# would load the module that makes it, which may not be there.
_INDEXES = """
    SELECT m.tbl_name, m.name, m.sql, l."unique", l.partial, l.origin, x.name, x."desc", x.coll
      FROM sqlite_master AS m
      JOIN pragma_index_list(m.tbl_name) AS l ON l.name = m.name
      JOIN pragma_index_xinfo(m.name) AS x ON x."key" = 1
     WHERE m.type = 'index' {condition}
     ORDER BY m.tbl_name, m.name, x.seqno
"""

_OF_TABLES = "AND m.tbl_name COLLATE NOCASE IN (SELECT value FROM json_each(%s))"

_HOLDS = {"pk": Holds.PRIMARY_KEY, "u": Holds.UNIQUE}


class _Row(NamedTuple):
    """One key of one index; an expression has no column."""

    table: str
    name: str
    sql: str | None
    unique: int
    partial: int
    origin: str
    column: str | None
    descending: int
    collation: str


class SqliteIndexes:
    """The indexes of all tables."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def catalogue(self, tables: Sequence[str] | None = None) -> IndexCatalogue:
        """Return every index of every table, or of the tables named; nothing is left out ever."""
        declared = read_tables(self._executor)
        asked = None if tables is None else {name.lower(): name for name in tables}
        found: defaultdict[tuple[str, str], list[_Row]] = defaultdict(list)
        condition, params = (
            ("", ()) if tables is None else (_OF_TABLES, (json.dumps(list(tables)),))
        )
        for row in map(_Row._make, self._look(_INDEXES.format(condition=condition), *params)):
            found[row.table, row.name].append(row)
        links = _referenced(SqliteIndexUses(self._executor).foreign_keys())
        indexes = [
            _index(rows, declared[table.lower()], links) for (table, _), rows in found.items()
        ]
        named = [
            index._replace(table=asked[index.table.lower()]) if asked else index
            for index in indexes
        ]
        return IndexCatalogue(indexes=tuple(named))

    def shapes(self, wanted: Sequence[Sketch]) -> tuple[Shape | None, ...]:
        """Return what SQLite would make of each sketch, None without its table or a column."""
        tables = read_tables(self._executor) if wanted else {}
        return tuple(
            sketched(sketch.sql, tables[sketch.table.lower()])
            if sketch.table.lower() in tables
            else None
            for sketch in wanted
        )

    def _look(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(sql=sql, params=params, purpose="Read the indexes.", lock=Lock.SHARED)
        return self._executor.run(statement).rows


_Links = set[tuple[str, frozenset[str]]]


def _referenced(keys: Sequence[ForeignKey]) -> _Links:
    """Return the tables with columns of them that foreign keys point at, in small letters."""
    return {(key.target.lower(), _names(key.target_columns)) for key in keys}


def _names(columns: Sequence[str]) -> frozenset[str]:
    return frozenset(str(name).lower() for name in columns)


def _index(rows: list[_Row], table: Table, links: _Links) -> Index:
    first = rows[0]
    # Only an expression or a condition needs its text read.
    telling = first.partial or any(row.column is None for row in rows)
    listed, condition = index_parts(first.sql) if first.sql and telling else ([], "")
    keys = [
        key(table, row.column, row.collation, bool(row.descending), listed[place] if listed else "")
        for place, row in enumerate(rows)
    ]
    shape = shape_of(keys, condition, unique=bool(first.unique))
    holds = _HOLDS.get(first.origin, Holds.NOTHING)
    # SQLite takes a unique index over just these columns and all rows; in what order is the same.
    serves = shape.unique and not shape.predicate
    return Index(
        table=first.table,
        name=first.name,
        shape=shape,
        definition=first.sql or f"{holds} ({', '.join(map(quoted, shape.columns))})",
        holds=holds,
        constraint=table.constraint_of(shape.columns) if holds else "",
        referenced=serves and (first.table.lower(), _names(shape.columns)) in links,
    )
