"""Sizes on SQLite, from dbstat where the build has it.

https://www.sqlite.org/dbstat.html
"""

from __future__ import annotations

from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.records import RelationSize
from dbhealth.backends.statement import Lock, Statement

_HAS_DBSTAT = "SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'"

# One table is looked for by its name; for all of them dbstat is read first, in one go. CROSS JOIN
# keeps the order: else SQLite goes through the whole catalogue for each name.
_SIZES = """
    WITH d AS {how} (SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE)
    SELECT m.tbl_name, sum(CASE WHEN m.type = 'table' THEN d.pgsize ELSE 0 END),
           sum(CASE WHEN m.type = 'index' THEN d.pgsize ELSE 0 END)
      FROM sqlite_master AS m CROSS JOIN d ON d.name = m.name
     WHERE {condition}
     GROUP BY m.tbl_name
     ORDER BY sum(d.pgsize) DESC, m.tbl_name LIMIT %s
"""

_ONE = _SIZES.format(how="NOT MATERIALIZED", condition="m.tbl_name = %s COLLATE NOCASE")
_LARGEST = _SIZES.format(
    how="MATERIALIZED", condition="m.tbl_name NOT LIKE 'sqlite\\_%%' ESCAPE '\\'"
)

_IS_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = %s COLLATE NOCASE"

_NAMES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%%' "
    "ESCAPE '\\' ORDER BY name LIMIT %s"
)


class SqliteStatistics:
    """How large things are."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _look(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(sql=sql, params=params, purpose="Read sizes.", lock=Lock.SHARED)
        return self._executor.run(statement).rows

    def _has_dbstat(self) -> bool:
        return bool(self._look(_HAS_DBSTAT)[0][0])

    def relation_size(self, table: str) -> RelationSize | None:
        """Return bytes of a table, or None where there is none; None bytes without dbstat."""
        if not self._look(_IS_THERE, table):
            return None
        rows = self._look(_ONE, table, 1) if self._has_dbstat() else []
        return _size(*rows[0]) if rows else _size(table, None, None)

    def database_bytes(self) -> int:
        """Return the size of the database file as SQLite counts its pages (bytes)."""
        pages = self._look("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return int(pages[0][0])

    def largest(self, limit: int) -> tuple[RelationSize, ...]:
        """Return the ``limit`` largest tables, the largest first; by name without dbstat."""
        if not self._has_dbstat():
            return tuple(_size(name, None, None) for (name,) in self._look(_NAMES, limit))
        return tuple(_size(*row) for row in self._look(_LARGEST, limit))


def _size(name: str, table_bytes: int | None, index_bytes: int | None) -> RelationSize:
    known = table_bytes is not None and index_bytes is not None
    return RelationSize(
        name=name,
        table_bytes=table_bytes,
        index_bytes=index_bytes,
        total_bytes=table_bytes + index_bytes if known else None,  # type: ignore[operator]
        estimated_rows=None,
    )
