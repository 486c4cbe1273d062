"""Sizes and row estimates on PostgreSQL.

The size functions wait behind an AccessExclusiveLock, and behind a session that waits for one; for
such a table the page count of pg_class is used instead, and the figure is marked as not exact.
A partitioned table holds nothing itself: its size is the sum of its partitions.
"""

from __future__ import annotations

from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import quoted
from dbhealth.backends.records import RelationSize
from dbhealth.backends.statement import Lock, Statement

# "member" is a table together with all its partitions, found in pg_inherits: pg_partition_tree()
# would wait for their locks.
_SIZES = """
    WITH RECURSIVE held AS MATERIALIZED (
        SELECT relation FROM pg_locks
         WHERE mode = 'AccessExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ), wanted AS MATERIALIZED (
        SELECT c.oid, c.relkind,
               CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                    ELSE n.nspname || '"."' || c.relname END AS name
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {condition}
    ), tree AS (
        SELECT oid AS root, oid AS member, relkind FROM wanted
        UNION ALL
        SELECT t.root, i.inhrelid, c.relkind FROM tree t
          JOIN pg_inherits i ON i.inhparent = t.member
          JOIN pg_class c ON c.oid = i.inhrelid
         WHERE t.relkind = 'p'
    ), sized AS MATERIALIZED (
        SELECT t.root, c.oid, c.relkind, c.relpages, c.reltuples,
               c.oid IN (SELECT relation FROM held)
               OR EXISTS (SELECT 1 FROM pg_index i JOIN held h ON h.relation = i.indexrelid
                           WHERE i.indrelid = c.oid) AS locked
          FROM tree t JOIN pg_class c ON c.oid = t.member
    ), measured AS (
        SELECT m.root, m.locked,
               CASE WHEN m.locked THEN m.relpages::bigint * b.size
                    ELSE pg_table_size(m.oid) END AS table_bytes,
               CASE WHEN m.locked THEN coalesce(x.pages, 0) * b.size
                    ELSE pg_indexes_size(m.oid) END AS index_bytes,
               CASE WHEN m.relkind = 'p' THEN NULL
                    ELSE coalesce(nullif(pg_stat_get_live_tuples(m.oid), 0),
                                   nullif(m.reltuples, -1))::bigint
               END AS row_count
          FROM sized m
          CROSS JOIN (SELECT current_setting('block_size')::bigint AS size) b
          LEFT JOIN LATERAL (SELECT sum(ic.relpages)::bigint AS pages FROM pg_index i
                              JOIN pg_class ic ON ic.oid = i.indexrelid
                             WHERE i.indrelid = m.oid) x ON m.locked
    )
    SELECT w.name, sum(e.table_bytes)::bigint, sum(e.index_bytes)::bigint,
           sum(e.row_count)::bigint, bool_and(NOT e.locked)
      FROM wanted w JOIN measured e ON e.root = w.oid
     GROUP BY w.oid, w.name
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
    + ") AS found (name, table_bytes, index_bytes, row_count, exact) "
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
        rows = self._look(_ONE, quoted(table))
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
