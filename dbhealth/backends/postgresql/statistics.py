"""Sizes and row estimates on PostgreSQL.

The size functions wait behind an AccessExclusiveLock; for a table that somebody holds so, the
page count of pg_class is used instead, and the figure is marked as not exact.
"""

from __future__ import annotations

from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.records import RelationSize
from dbhealth.backends.statement import Lock, Statement

_SIZES = """
    WITH held AS MATERIALIZED (
        SELECT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ), wanted AS MATERIALIZED (
        SELECT c.oid, c.relname, n.nspname, c.relpages, c.reltuples, c.reltoastrelid,
               c.oid IN (SELECT relation FROM held)
               OR EXISTS (SELECT 1 FROM pg_index i JOIN held h ON h.relation = i.indexrelid
                           WHERE i.indrelid = c.oid) AS locked
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {condition}
    )
    SELECT CASE WHEN w.nspname = current_schema() THEN w.relname
                ELSE w.nspname || '"."' || w.relname END,
           CASE WHEN w.locked THEN w.relpages::bigint * b.size ELSE pg_table_size(w.oid) END,
           CASE WHEN w.locked THEN coalesce(x.pages, 0) * b.size ELSE pg_indexes_size(w.oid) END,
           coalesce(nullif(s.n_live_tup, 0), nullif(w.reltuples, -1))::bigint,
           NOT w.locked
      FROM wanted w
      CROSS JOIN (SELECT current_setting('block_size')::bigint AS size) b
      LEFT JOIN pg_stat_user_tables s ON s.relid = w.oid
      LEFT JOIN LATERAL (SELECT sum(ic.relpages)::bigint AS pages FROM pg_index i
                          JOIN pg_class ic ON ic.oid = i.indexrelid
                         WHERE i.indrelid = w.oid) x ON w.locked
"""

_ONE = _SIZES.format(condition="c.oid = to_regclass(%s)")

# relpages is wrong for a table that grew since its last VACUUM, hence a wide first choice.
_LARGEST = (
    "SELECT * FROM ("
    + _SIZES.format(
        condition="c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' "
        "AND n.nspname NOT LIKE 'pg\\_%%' AND c.oid IN (SELECT l.oid FROM pg_class l "
        "WHERE l.relkind IN ('r', 'm') ORDER BY l.relpages DESC, l.oid LIMIT 500)"
    )
    + ") AS sized (name, table_bytes, index_bytes, row_count, exact) "
    "ORDER BY table_bytes + index_bytes DESC NULLS LAST, name LIMIT %s"
)


class PostgresStatistics:
    """How large things are."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _look(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=params,
            purpose="Read sizes.",
            lock=Lock.ACCESS_SHARE,
            lock_timeout=1.0,
        )
        return self._executor.run(statement).rows

    def relation_size(self, table: str) -> RelationSize | None:
        """Return bytes and estimated rows of a table, or None where there is none."""
        rows = self._look(_ONE, self._executor.connection.ops.quote_name(table))
        return _size(rows[0], table) if rows else None

    def database_bytes(self) -> int:
        """Return the size of the whole database (bytes)."""
        return int(self._look("SELECT pg_database_size(current_database())")[0][0])

    def largest(self, limit: int) -> tuple[RelationSize, ...]:
        """Return the ``limit`` largest tables and materialized views, the largest first."""
        return tuple(_size(row, row[0]) for row in self._look(_LARGEST, limit))


def _size(row: tuple[Any, ...], name: str) -> RelationSize:
    _found, table_bytes, index_bytes, rows, exact = row
    known = table_bytes is not None and index_bytes is not None
    return RelationSize(
        name=name,
        table_bytes=table_bytes,
        index_bytes=index_bytes,
        total_bytes=table_bytes + index_bytes if known else None,
        estimated_rows=rows,
        exact=exact,
    )
