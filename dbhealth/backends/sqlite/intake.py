"""sqlite_schema and the pragmas: what a table demands of rows that come in."""

from __future__ import annotations

import re
from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.intake import Formula, Intake, Part, Unique
from dbhealth.backends.names import in_sql
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.sqlite.declarations import formulas, index_parts
from dbhealth.backends.statement import Lock, Statement

_TABLE = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s COLLATE NOCASE"

# A single key column of the type INTEGER is the row's own number, which SQLite gives out.
_FILLED = """
    SELECT name FROM pragma_table_xinfo(%s)
     WHERE dflt_value IS NOT NULL OR (pk > 0 AND lower(type) = 'integer')
"""

_UNIQUES = """
    SELECT l.name, x.name, x.coll, m.sql, l.partial
      FROM pragma_index_list(%s) AS l
      JOIN pragma_index_xinfo(l.name) AS x
      LEFT JOIN sqlite_master AS m ON m.type = 'index' AND m.name = l.name
     WHERE l."unique" = 1 AND l.origin <> 'pk' AND x."key" = 1
     ORDER BY l.name, x.seqno
"""

_REFERENCES = """
    SELECT f.id, f."table", f."from", f."to",
           (SELECT group_concat(k.name, char(31)) FROM (SELECT name FROM
            pragma_table_xinfo(f."table") WHERE pk > 0 ORDER BY pk) AS k)
      FROM pragma_foreign_key_list(%s) AS f ORDER BY f.id, f.seq
"""

_TRIGGERS = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s COLLATE NOCASE "
    "ORDER BY name"
)

_ON_INSERT = re.compile(r"\bINSERT\s+ON\b", re.IGNORECASE)


def read_intake(executor: Executor, table: str) -> Intake:
    """Return what a table demands of rows that come in."""

    def look(sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=params,
            purpose="Read what the table demands of new rows.",
            lock=Lock.SHARED,
        )
        return executor.run(statement).rows

    declared = look(_TABLE, table)
    generated, checks = formulas(str(declared[0][0])) if declared else ({}, {})
    return Intake(
        filled=frozenset(name for (name,) in look(_FILLED, table)),
        generated=_formulas(generated),
        checks=_formulas(checks),
        uniques=_uniques(look(_UNIQUES, table)),
        references=_references(table, look(_REFERENCES, table)),
        triggers=tuple(name for name, sql in look(_TRIGGERS, table) if _ON_INSERT.search(sql)),
    )


def _formulas(found: dict[str, str]) -> tuple[Formula, ...]:
    return tuple(Formula(name=name, sql=sql.replace("%", "%%")) for name, sql in found.items())


def _uniques(rows: list[tuple[Any, ...]]) -> tuple[Unique, ...]:
    found: dict[str, list[tuple[str | None, str]]] = {}
    declared: dict[str, str] = {}
    for index, column, collation, sql, is_partial in rows:
        found.setdefault(index, []).append((column, collation))
        # An index without SQL belongs to a UNIQUE of the table: columns only.
        if sql is not None and (is_partial or column is None):
            declared[index] = sql
    return tuple(_unique(name, parts, declared.get(name)) for name, parts in found.items())


def _unique(name: str, columns: list[tuple[str | None, str]], sql: str | None) -> Unique:
    listed, condition = index_parts(sql) if sql is not None else ([], "")
    parts = []
    for place, (column, collation) in enumerate(columns):
        text = listed[place].replace("%", "%%") if column is None else in_sql(column)
        parts.append(Part(sql=f"({text}) COLLATE {in_sql(collation)}", column=column))
    return Unique(name=name, parts=tuple(parts), condition=condition.replace("%", "%%"))


def _references(table: str, rows: list[tuple[Any, ...]]) -> tuple[ForeignKey, ...]:
    found: dict[int, list[tuple[str, str, str]]] = {}
    for number, target, own, other, key in rows:
        # A reference without column names means the parent's primary key.
        keys = str(key or "").split("\x1f")
        place = len(found.get(number, []))
        name = other if other is not None else keys[place] if place < len(keys) else ""
        found.setdefault(number, []).append((target, own, name))
    return tuple(_reference(table, parts) for parts in found.values())


def _reference(table: str, parts: list[tuple[str, str, str]]) -> ForeignKey:
    target = parts[0][0]
    columns = tuple(own for _, own, _ in parts)
    return ForeignKey(
        table=table,
        columns=columns,
        # SQLite knows no case in names; a table is known by the name that was asked for.
        target=table if target.lower() == table.lower() else target,
        target_columns=tuple(other for _, _, other in parts),
        label=f"({', '.join(columns)}) to {target}",
    )
