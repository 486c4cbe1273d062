"""sqlite_schema and the pragmas: tables, columns and foreign keys.

https://www.sqlite.org/pragma.html#pragma_table_xinfo
"""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.backends.executor import Executor
from dbhealth.backends.records import Column, ForeignKey, Relation
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

_KINDS = {"table": _("table"), "view": _("view"), "virtual table": _("virtual table")}

_KIND = (
    "SELECT CASE WHEN sql LIKE 'CREATE VIRTUAL%%' THEN 'virtual table' ELSE type END "
    "FROM sqlite_master WHERE type IN ('table', 'view') AND name = %s COLLATE NOCASE"
)

# hidden: 1 is a hidden column of a virtual table, 2 and 3 are generated columns.
_COLUMNS = (
    'SELECT name, type, "notnull", hidden FROM pragma_table_xinfo(%s) '
    "WHERE hidden <> 1 ORDER BY cid"
)

_KEY = "SELECT name FROM pragma_table_xinfo(%s) WHERE pk > 0 ORDER BY pk"

_REFERENCING = """
    SELECT m.name, f.id, f."from", f."to",
           CASE WHEN f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') THEN f.on_delete
                ELSE '' END
      FROM sqlite_master AS m
      JOIN pragma_foreign_key_list(m.name) AS f
     WHERE m.type = 'table' AND f."table" = %s COLLATE NOCASE
     ORDER BY m.name, f.id, f.seq
"""

_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%%' "
    "ESCAPE '\\' ORDER BY name"
)


def _look(sql: str, *params: object) -> Statement:
    return Statement(sql=sql, params=params, purpose="Read the schema.", lock=Lock.SHARED)


class SqliteCatalog:
    """What the database really has."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def relation(self, table: str) -> Relation | None:
        """Return the relation that Django calls ``table``, or None where there is none."""
        kind = self._executor.run(_look(_KIND, table)).value
        if kind is None:
            return None
        key = self._executor.run(_look(_KEY, table)).rows
        return Relation(
            name=table,
            kind=_KINDS[kind],
            columns=self.columns(table),
            primary_key=tuple(row[0] for row in key),
        )

    def relations(self, tables: Sequence[str]) -> tuple[Relation | None, ...]:
        """Return each of several relations, as :meth:`relation` does."""
        return tuple(self.relation(table) for table in tables)

    def columns(self, table: str) -> tuple[Column, ...]:
        """Return the columns of a table in their order, none where there is no such table."""
        return tuple(
            Column(name=name, type=_plain(kind), nullable=not notnull, generated=hidden in {2, 3})
            for name, kind, notnull, hidden in self._executor.run(_look(_COLUMNS, table)).rows
        )

    def referencing(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of any table, in models or not, that point at ``table``."""
        found: dict[tuple[str, int, str], list[tuple[str, str | None]]] = {}
        rows = self._executor.run(_look(_REFERENCING, table)).rows
        for child, number, column, other, on_delete in rows:
            # SQLite knows no case in names; a table is known by the name that was asked for.
            name = table if child.lower() == table.lower() else child
            found.setdefault((name, number, on_delete), []).append((column, other))
        relation = self.relation(table) if found else None
        key = relation.primary_key if relation else ()
        return tuple(
            _link(child, table, pairs, key, on_delete)
            for (child, _, on_delete), pairs in found.items()
        )

    def referencing_each(self, tables: Sequence[str]) -> tuple[tuple[ForeignKey, ...], ...]:
        """Return what points at each of several tables, as :meth:`referencing` does."""
        return tuple(self.referencing(table) for table in tables)

    def tables(self) -> tuple[str, ...]:
        """Return the names of all tables that are not SQLite's own."""
        return tuple(row[0] for row in self._executor.run(_look(_TABLES)).rows)


def _plain(declared: str) -> str:
    # Some builds repeat the words of a generated column's declaration in its type.
    return declared.lower().removesuffix(" generated always").strip()


def _link(
    child: str,
    table: str,
    pairs: list[tuple[str, str | None]],
    key: tuple[str, ...],
    on_delete: str,
) -> ForeignKey:
    columns = tuple(column for column, _ in pairs)
    # A reference without column names means the parent's primary key, where there is such a table.
    named = tuple(other for _, other in pairs if other is not None)
    targets = named or key[: len(pairs)]
    return ForeignKey(
        table=child,
        columns=columns,
        target=table,
        target_columns=targets,
        label=f"{child} ({', '.join(columns)})",
        on_delete=on_delete,
    )
