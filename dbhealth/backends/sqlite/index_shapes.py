"""The structure of an index on SQLite, of one that is there and of one that is only declared."""

from __future__ import annotations

from dbhealth.backends.index_records import KeyPart, Shape
from dbhealth.backends.sqlite.declarations import index_keys, plain_name, tokens
from dbhealth.backends.sqlite.index_text import key_text, normal
from dbhealth.backends.sqlite.tables import Table

METHOD = "btree"
"""SQLite has no other."""


def key(table: Table, column: str | None, collation: str, descending: bool, text: str) -> KeyPart:
    """Return a key: of a column, or without one of the expression in ``text``."""
    own = table.collation_of(column) if column else "BINARY"
    return KeyPart(
        column=column or "",
        expression="" if column else key_text(text)[0],
        descending=descending,
        collation="" if collation.upper() == own else collation.upper(),
    )


def shape_of(keys: list[KeyPart], condition: str, *, unique: bool) -> Shape:
    """Return the structure of an index with these keys, over rows that fulfil ``condition``."""
    return Shape(
        method=METHOD,
        keys=tuple(keys),
        unique=unique,
        predicate=normal(condition) if condition else "",
    )


def sketched(sql: str, table: Table) -> Shape | None:
    """Return what SQLite would make of CREATE INDEX, or of ADD CONSTRAINT for a UNIQUE.

    None for a column that the table does not have.
    """
    found, condition = index_keys(sql)
    keys = []
    for text, descending in found:
        part = _sketched_key(text, descending, table)
        if part is None:
            return None
        keys.append(part)
    unique = "UNIQUE" in [part.word for part in tokens(sql) if part.depth == 0]
    return shape_of(keys, condition, unique=unique)


def _sketched_key(text: str, descending: bool, table: Table) -> KeyPart | None:
    expression, collation = key_text(text)
    parts = tokens(expression)
    if len(parts) > 1:
        return key(table, None, collation or "BINARY", descending, text)
    column = table.column(plain_name(parts[0].text)) if parts else None
    if column is None:
        return None
    return key(table, column, collation or table.collation_of(column), descending, text)
