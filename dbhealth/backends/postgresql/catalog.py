"""pg_catalog: relations, columns and foreign keys.

Reads tables of the catalogue only and calls no function that would wait behind an
AccessExclusiveLock on a user's table (pg_get_indexdef, pg_relation_size and their like do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import quoted
from dbhealth.backends.records import Column, ForeignKey, Relation
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

_KINDS = {
    "r": _("table"),
    "inherited": _("parent of inheriting tables"),
    "p": _("partitioned table"),
    "v": _("view"),
    "m": _("materialized view"),
    "f": _("foreign table"),
}

# A row is a column; what has none is there all the same, with one row.
_RELATIONS = """
    WITH found AS MATERIALIZED (
        SELECT t.place, c.oid,
               CASE WHEN c.relkind = 'r'
                         AND EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = c.oid)
                    THEN 'inherited' ELSE c.relkind::text END AS kind,
               c.relrowsecurity
               AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE'))
               AND NOT EXISTS (SELECT 1 FROM pg_roles r
                               WHERE r.rolname = current_user
                                 AND (r.rolsuper OR r.rolbypassrls)) AS hides_rows,
               ARRAY(SELECT a.attname
                       FROM pg_constraint k
                       CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS part(attnum, place)
                       JOIN pg_attribute a
                         ON a.attrelid = k.conrelid AND a.attnum = part.attnum
                      WHERE k.conrelid = c.oid AND k.contype = 'p'
                      ORDER BY part.place) AS key,
               ARRAY(SELECT r.rulename FROM pg_rewrite r
                      WHERE r.ev_class = c.oid AND r.ev_type IN ('3', '4')  -- INSERT, DELETE
                        AND r.ev_enabled <> 'D' ORDER BY r.rulename) AS rules
          FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, place)
          JOIN pg_class c ON c.oid = to_regclass(t.name)
    )
    SELECT f.place - 1, f.kind, f.hides_rows, f.key, f.rules, a.attname,
           format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.attgenerated <> ''
      FROM found f
      LEFT JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY f.place, a.attnum
"""

_COLUMNS = """
    SELECT t.place - 1, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           a.attgenerated <> ''
      FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, place)
      JOIN pg_attribute a ON a.attrelid = to_regclass(t.name)
     WHERE a.attnum > 0 AND NOT a.attisdropped
     ORDER BY t.place, a.attnum
"""

# A key may point at a partition of the table alone. The clones that PostgreSQL makes for partitions
# are left out, but for those of a key to what the table itself is a partition of. A reference of
# the table to itself comes with the name that was asked for, in whatever way it was spelled.
# Not by pg_partition_tree(), which locks the partitions and so may wait.
_REFERENCING = """
    WITH RECURSIVE target AS MATERIALIZED (
        SELECT t.place, t.asked, to_regclass(t.name)::oid AS oid
          FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS t(asked, name, place)
    ), reached (place, asked, whole, oid) AS (
        SELECT place, asked, oid, oid FROM target
         UNION
        SELECT r.place, r.asked, r.whole, p.oid
          FROM reached r
          JOIN pg_inherits i ON i.inhparent = r.oid
          JOIN pg_class p ON p.oid = i.inhrelid AND p.relispartition
    )
    SELECT t.place - 1,
           CASE WHEN k.conrelid = t.whole THEN t.asked
                WHEN pg_table_is_visible(k.conrelid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END,
           array_agg(child.attname ORDER BY part.place),
           array_agg(parent.attname ORDER BY part.place), k.conname,
           CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                              WHEN 'd' THEN 'SET DEFAULT' ELSE '' END,
           bool_and(coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE))
      FROM reached t
      JOIN pg_constraint k ON k.confrelid = t.oid
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS part(own, other, place)
      JOIN pg_attribute child ON child.attrelid = k.conrelid AND child.attnum = part.own
      JOIN pg_attribute parent ON parent.attrelid = k.confrelid AND parent.attnum = part.other
     WHERE k.contype = 'f'
       AND NOT EXISTS (SELECT 1 FROM pg_constraint origin
                         JOIN reached r ON r.oid = origin.confrelid AND r.place = t.place
                        WHERE origin.oid = k.conparentid)
     GROUP BY t.place, t.asked, t.whole, k.conrelid, k.confrelid, n.nspname, c.relname, k.conname,
              k.confdeltype
     ORDER BY 1, 2, 5
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
        return self.relations([table])[0]

    def relations(self, tables: Sequence[str]) -> tuple[Relation | None, ...]:
        """Return each of several relations, as :meth:`relation` does, in one statement."""
        names = [self._regclass(table) for table in tables]
        found: dict[int, Relation] = {}
        columns: list[list[Column]] = [[] for _ in tables]
        for place, kind, hides_rows, key, rules, *column in self._executor.run(
            _look(_RELATIONS, names)
        ).rows:
            if column[0] is not None:
                columns[place].append(_column(*column))
            if place not in found:
                found[place] = Relation(
                    name=tables[place],
                    kind=_KINDS.get(kind, _("other relation")),
                    columns=(),
                    primary_key=tuple(key),
                    hides_rows=bool(hides_rows),
                    rules=tuple(rules),
                )
        return tuple(
            replace(found[place], columns=tuple(of_table)) if place in found else None
            for place, of_table in enumerate(columns)
        )

    def columns(self, table: str) -> tuple[Column, ...]:
        """Return the columns of a table in their order, none where there is no such table."""
        rows = self._executor.run(_look(_COLUMNS, [self._regclass(table)])).rows
        return tuple(_column(*column) for _place, *column in rows)

    def referencing(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of any table, in models or not, that point at ``table``."""
        return self.referencing_each([table])[0]

    def referencing_each(self, tables: Sequence[str]) -> tuple[tuple[ForeignKey, ...], ...]:
        """Return what points at each of several tables, in one statement."""
        found: list[list[ForeignKey]] = [[] for _ in tables]
        names = [self._regclass(table) for table in tables]
        for place, child, columns, others, _name, on_delete, enforced in self._executor.run(
            _look(_REFERENCING, list(tables), names)
        ).rows:
            found[place].append(
                ForeignKey(
                    table=child,
                    columns=tuple(columns),
                    target=tables[place],
                    target_columns=tuple(others),
                    label=f"{child} ({', '.join(columns)})",
                    enforced=enforced,
                    # What is not enforced has no trigger that could act.
                    on_delete=on_delete if enforced else "",
                )
            )
        return tuple(map(tuple, found))

    def tables(self) -> tuple[str, ...]:
        """Return the names of all ordinary tables, in the form that Django quotes."""
        return tuple(row[0] for row in self._executor.run(_look(_TABLES)).rows)


def _column(name: str, kind: str, nullable: bool, generated: bool) -> Column:
    return Column(name=name, type=kind, nullable=nullable, generated=generated)
