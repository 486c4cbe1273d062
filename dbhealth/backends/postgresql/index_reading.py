"""From rows of the catalogue to indexes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import Holds, Index, KeyPart, Shape
from dbhealth.backends.postgresql.index_sql import CLASSES, COLUMNS
from dbhealth.backends.statement import Lock, Statement

LOCK_TIMEOUT = 0.5
"""Seconds that reading waits for a lock on a table that somebody took in the meantime."""

_HOLDS = {"p": Holds.PRIMARY_KEY, "u": Holds.UNIQUE, "x": Holds.EXCLUSION}
_DEFAULT_COLLATION = 100  # pg_collation's row "default", in every database
_DESC, _NULLS_FIRST = 1, 2  # bits of indoption

_SORTING = {0: "", _DESC: " DESC NULLS LAST", _NULLS_FIRST: " NULLS FIRST", 3: " DESC"}


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


class _Attribute(NamedTuple):
    """A column, or an expression of an index with no name: its type and collation."""

    name: str
    sql: str
    type: int
    collation: int


class _Key(NamedTuple):
    """What one key is made of, by the numbers of the catalogue."""

    attribute: _Attribute
    opclass: int
    collation: int
    sorting: int
    options: str | None

    @property
    def choice(self) -> tuple[int, int, bool]:
        """The operator class with what it was chosen for."""
        return self.opclass, self.attribute.type, bool(self.attribute.name)


@dataclass
class _Words:
    """How operator classes and collations are called; empty where nothing need be said."""

    opclasses: dict[tuple[int, int, bool], tuple[str, bool]] = field(default_factory=dict)
    collations: dict[int, str] = field(default_factory=dict)
    parts: dict[_Key, tuple[KeyPart, str]] = field(default_factory=dict)

    def part(self, key: _Key) -> tuple[KeyPart, str]:
        """Return a key as a record and as SQL; the same key is made once."""
        if key not in self.parts:
            self.parts[key] = self._make(key)
        return self.parts[key]

    def _make(self, key: _Key) -> tuple[KeyPart, str]:
        opclass, is_usual = self.opclasses[key.choice]
        if key.options:
            opclass = f"{opclass} ({key.options})"
        elif is_usual:
            opclass = ""
        is_own = key.collation in (0, key.attribute.collation)
        collation = "" if is_own else self.collations[key.collation]
        name, text = key.attribute.name, key.attribute.sql
        part = KeyPart(
            column=name,
            expression="" if name else text,
            descending=bool(key.sorting & _DESC),
            nulls_first=bool(key.sorting & _NULLS_FIRST),
            opclass=opclass,
            collation=collation,
        )
        text += f" COLLATE {collation}" if collation else ""
        text += f" {opclass}" if opclass else ""
        return part, text + _SORTING[key.sorting]


def read(
    executor: Executor, sql: str, *params: object
) -> tuple[tuple[Index, ...], tuple[str, ...]]:
    """Return the indexes that a statement of index_sql finds, and the tables it leaves out.

    Three statements, whatever there is. Raises Django's OperationalError when a lock was taken in
    between and kept for longer than LOCK_TIMEOUT.
    """
    rows = [Found(*row) for row in _look(executor, sql, *params)]
    found = [row for row in rows if row.name is not None]
    columns = {
        (table, number): _Attribute(*column)
        for table, number, *column in _look(
            executor, COLUMNS, sorted({row.table_oid for row in found})
        )
    }
    attributed = [(row, _attributes(row, columns)) for row in found]
    # An index whose column is not there any more was dropped with it between two statements.
    whole = [(row, _keys(row, parts), parts) for row, parts in attributed if parts]
    words = _words(executor, {key for _, keys, _ in whole for key in keys})
    left_out = tuple(row.table for row in rows if row.name is None)
    return tuple(_index(row, keys, parts, words) for row, keys, parts in whole), left_out


def _look(executor: Executor, sql: str, *params: object) -> list[tuple[Any, ...]]:
    statement = Statement(
        sql=sql,
        params=params,
        purpose="Read the indexes.",
        lock=Lock.ACCESS_SHARE,
        lock_timeout=LOCK_TIMEOUT,
    )
    return executor.run(statement).rows


def _attributes(row: Found, columns: dict[tuple[int, int], _Attribute]) -> list[_Attribute]:
    """Return the columns and expressions of an index; nothing when one of them is gone."""
    expressions = iter(row.expressions or ())
    found: list[_Attribute] = []
    for place, number in enumerate(map(int, row.attributes.split())):
        if number:
            if (column := columns.get((row.table_oid, number))) is None:
                return []
            found.append(column)
        else:
            kind = (row.types or ())[place]
            found.append(_Attribute("", next(expressions), kind, _DEFAULT_COLLATION))
    return found


def _keys(row: Found, attributes: list[_Attribute]) -> list[_Key]:
    options = row.opclass_options or [None] * row.key_count
    return [
        _Key(attribute, int(opclass), int(collation), int(sorting), option)
        for attribute, opclass, collation, sorting, option in zip(
            attributes,
            row.opclasses.split(),
            row.collations.split(),
            row.sorting.split(),
            options,
            strict=False,  # columns that are only stored along have none of it
        )
    ]


def _words(executor: Executor, keys: set[_Key]) -> _Words:
    words = _Words()
    choices = sorted({key.choice for key in keys})
    if not choices:
        return words
    collations = {
        key.collation for key in keys if key.collation not in (0, key.attribute.collation)
    }
    opclasses, types, of_columns = (list(part) for part in zip(*choices, strict=True))
    rows = _look(executor, CLASSES, opclasses, types, of_columns, sorted(collations))
    for number, kind, of_column, sql, is_usual in rows:
        if kind is None:
            words.collations[number] = sql
        else:
            words.opclasses[number, kind, of_column] = (sql, is_usual)
    return words


def _index(row: Found, keys: list[_Key], attributes: list[_Attribute], words: _Words) -> Index:
    parts = [words.part(key) for key in keys]
    excludes = tuple(row.excludes or ())
    shape = Shape(
        method=row.method,
        keys=tuple(part for part, _ in parts),
        unique=row.unique,
        include=tuple(attribute.name for attribute in attributes[row.key_count :]),
        predicate=row.predicate or "",
        nulls_distinct=not row.nulls_not_distinct,
        excludes=excludes,
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


def _definition(row: Found, keys: list[str], attributes: list[_Attribute]) -> str:
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
