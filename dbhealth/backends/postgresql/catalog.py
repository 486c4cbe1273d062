"""pg_catalog: relations, columns and foreign keys.

Reads tables of the catalogue only and calls no function that would wait behind an
AccessExclusiveLock on a user's table (pg_get_indexdef, pg_relation_size and their like do).
"""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import quoted
from dbhealth.backends.records import Column, ForeignKey, Relation
from dbhealth.backends.statement import Lock, Statement

_KINDS = {
    "r": "table",
    "inherited": "parent of inheriting tables",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}

_RELATION = """
    SELECT c.oid::bigint,
           CASE WHEN c.relkind = 'r'
                     AND EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = c.oid)
                THEN 'inherited' ELSE c.relkind::text END,
           c.relrowsecurity
           AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE'))
           AND NOT EXISTS (SELECT 1 FROM pg_roles r
                           WHERE r.rolname = current_user AND (r.rolsuper OR r.rolbypassrls))
      FROM pg_class c WHERE c.oid = to_regclass(%s)
"""

_COLUMNS = """
    SELECT t.place - 1, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           a.attgenerated <> ''
      FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, place)
      JOIN pg_attribute a ON a.attrelid = to_regclass(t.name)
     WHERE a.attnum > 0 AND NOT a.attisdropped
     ORDER BY t.place, a.attnum
"""

_PRIMARY_KEY = """
    SELECT a.attname
      FROM pg_constraint k
      CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS part(attnum, place)
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.attnum
     WHERE k.conrelid = %s::oid AND k.contype = 'p'
     ORDER BY part.place
"""

# conparentid = 0: the clones that PostgreSQL makes for partitions are left out. A reference of
# the table to itself comes with the name that was asked for, in whatever way it was spelled.
_REFERENCING = """
    SELECT CASE WHEN k.conrelid = k.confrelid THEN %s
                WHEN pg_table_is_visible(k.conrelid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END,
           array_agg(child.attname ORDER BY part.place),
           array_agg(parent.attname ORDER BY part.place), k.conname,
           CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                              WHEN 'd' THEN 'SET DEFAULT' ELSE '' END
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS part(own, other, place)
      JOIN pg_attribute child ON child.attrelid = k.conrelid AND child.attnum = part.own
      JOIN pg_attribute parent ON parent.attrelid = k.confrelid AND parent.attnum = part.other
     WHERE k.contype = 'f' AND k.confrelid = to_regclass(%s) AND k.conparentid = 0
     GROUP BY k.conrelid, k.confrelid, n.nspname, c.relname, k.conname, k.confdeltype
     ORDER BY 1, 4
"""

_TABLES = """
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema'
       AND n.nspname NOT LIKE 'pg\\_%%'
     ORDER BY 1
"""


def _look(sql: str, *params: object) -> Statement:
    return Statement(sql=sql, params=params, purpose="Read the catalogue.", lock=Lock.ACCESS_SHARE)


class PostgresCatalog:
    """What the database really has."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _regclass(self, table: str) -> str:
        return quoted(table)

    def relation(self, table: str) -> Relation | None:
        """Return the relation that Django calls ``table``, or None where there is none."""
        found = self._executor.run(_look(_RELATION, self._regclass(table))).first
        if found is None:
            return None
        oid, kind, hides_rows = found
        key = self._executor.run(_look(_PRIMARY_KEY, oid)).rows
        return Relation(
            name=table,
            kind=_KINDS.get(kind, "other relation"),
            columns=self.columns(table),
            primary_key=tuple(row[0] for row in key),
            hides_rows=bool(hides_rows),
        )

    def columns(self, table: str) -> tuple[Column, ...]:
        """Return the columns of a table in their order, none where there is no such table."""
        return self.columns_of([table])[0]

    def columns_of(self, tables: Sequence[str]) -> tuple[tuple[Column, ...], ...]:
        """Return the columns of each of several tables, as :meth:`columns` does."""
        found: list[list[Column]] = [[] for _ in tables]
        names = [self._regclass(table) for table in tables]
        for place, name, kind, nullable, generated in self._executor.run(
            _look(_COLUMNS, names)
        ).rows:
            column = Column(name=name, type=kind, nullable=nullable, generated=generated)
            found[place].append(column)
        return tuple(map(tuple, found))

    def referencing(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of any table, in models or not, that point at ``table``."""
        rows = self._executor.run(_look(_REFERENCING, table, self._regclass(table))).rows
        return tuple(
            ForeignKey(
                table=child,
                columns=tuple(columns),
                target=table,
                target_columns=tuple(others),
                label=f"{child} ({', '.join(columns)})",
                on_delete=on_delete,
            )
            for child, columns, others, _name, on_delete in rows
        )

    def tables(self) -> tuple[str, ...]:
        """Return the names of all ordinary tables, in the form that Django quotes."""
        return tuple(row[0] for row in self._executor.run(_look(_TABLES)).rows)
