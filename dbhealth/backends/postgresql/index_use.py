"""The cumulative statistics of PostgreSQL about indexes and their tables.

https://www.postgresql.org/docs/current/monitoring-stats.html

The functions behind pg_stat_all_indexes, pg_statio_all_indexes and pg_stat_all_tables are called
by themselves: they wait for no lock, and the joins of the views cost more than the figures. The
size functions do wait behind an AccessExclusiveLock; see :class:`PostgresIndexUses`.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import chain
from typing import Any

from django.db import DatabaseError, transaction

from dbhealth.backends.executor import Result
from dbhealth.backends.index_records import ColumnFacts, StatisticsSource, UseReport
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.index_bloat import PostgresBloat
from dbhealth.backends.postgresql.session import moment
from dbhealth.backends.postgresql.use_rows import Names, index_uses, table_uses
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.statement import Lock, Statement

LOCK_TIMEOUT = 0.5
"""How long a size may wait for a lock that came after the look for locks (seconds)."""

# A logical subscriber or a backup reads no table by an index of this database.
_SOURCE = """
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
           (SELECT (extract(epoch FROM d.stats_reset) * 1000000)::bigint
              FROM pg_stat_database d WHERE d.datname = current_database()),
           (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
           pg_is_in_recovery(),
           (SELECT count(*) FROM pg_stat_replication r
             WHERE r.state IS DISTINCT FROM 'backup' AND NOT EXISTS (
                   SELECT 1 FROM pg_replication_slots s
                    WHERE s.active_pid = r.pid AND s.slot_type = 'logical'))
"""

# Whoever asks for the lock makes newcomers wait behind him as well, granted or not.
_HELD = """
    WITH held AS MATERIALIZED (
        SELECT DISTINCT relation FROM pg_locks
         WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
           AND pid <> pg_backend_pid()
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""

_USERS_OWN = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'"

_TABLES = """
    {held}
    SELECT c.oid::bigint, h.inhparent::bigint, n.nspname, c.relname, pg_table_is_visible(c.oid),
           c.oid IN (SELECT relation FROM held) OR c.reltoastrelid IN (SELECT relation FROM held),
           coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), nullif(c.reltuples, -1))::bigint,
           {measured}, c.relpages * current_setting('block_size')::bigint,
           pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
           pg_stat_get_tuples_fetched(c.oid), pg_stat_get_tuples_inserted(c.oid),
           pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
           pg_stat_get_tuples_hot_updated(c.oid), {last}
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid AND c.relispartition
     WHERE c.relkind IN ('r', 'p', 'm') AND {users_own}
     ORDER BY n.nspname, c.relname
"""

_INDEXES = """
    {held}
    SELECT c.oid::bigint, h.inhparent::bigint, i.indrelid::bigint, c.relname,
           c.oid IN (SELECT relation FROM held), nullif(c.reltuples, -1)::bigint,
           {measured}, c.relpages * current_setting('block_size')::bigint,
           pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
           pg_stat_get_tuples_fetched(c.oid),
           pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid),
           pg_stat_get_blocks_hit(c.oid), {last}
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
     WHERE {users_own}
     ORDER BY i.indrelid, c.relname
"""

_TABLE_SIZE = (
    "CASE WHEN c.relkind <> 'p' AND c.oid NOT IN (SELECT relation FROM held) "
    "AND c.reltoastrelid NOT IN (SELECT relation FROM held) THEN pg_table_size(c.oid) END"
)
_INDEX_SIZE = "CASE WHEN c.oid NOT IN (SELECT relation FROM held) THEN pg_relation_size(c.oid) END"

# The columns of a partitioned table have inherited statistics only.
_COLUMNS = """
    SELECT s.schemaname, s.tablename, s.attname, s.null_frac, s.n_distinct, s.avg_width
      FROM pg_stats s
     WHERE s.schemaname <> 'information_schema' AND s.schemaname NOT LIKE 'pg\\_%%'
     ORDER BY s.inherited DESC
"""


# conparentid = 0: the clones that PostgreSQL makes for partitions are left out.
_FOREIGN_KEYS = """
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END,
           CASE WHEN pg_table_is_visible(t.oid) THEN t.relname
                ELSE m.nspname || '"."' || t.relname END,
           (SELECT array_agg(a.attname ORDER BY part.place)
              FROM unnest(k.conkey) WITH ORDINALITY AS part(attnum, place)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.attnum),
           (SELECT array_agg(a.attname ORDER BY part.place)
              FROM unnest(k.confkey) WITH ORDINALITY AS part(attnum, place)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = part.attnum),
           CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                              WHEN 'd' THEN 'SET DEFAULT' ELSE '' END
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace m ON m.oid = t.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0
     ORDER BY n.nspname, c.relname, k.conname
"""


class PostgresIndexUses(PostgresBloat):
    """How indexes are used.

    Sizes are measured unless somebody's lock is seen that would make it wait. When such a lock
    comes after the look, the measuring ends by lock_timeout, and page counts take its place.
    """

    def report(self, *, columns: bool = True) -> UseReport:
        """Return the figures of all user tables and their indexes, as of now."""
        source = _source(self._run(_SOURCE).first or ())
        found = self._sized(_TABLES, _TABLE_SIZE).rows
        names = Names(found)
        indexes = index_uses(self._sized(_INDEXES, _INDEX_SIZE).rows, names)
        return UseReport(
            source=source,
            indexes=tuple(chain.from_iterable(indexes.values())),
            tables=table_uses(found, names, indexes),
            columns=_facts(self._run(_COLUMNS).rows, names) if columns else (),
            left_out=tuple(sorted(names.held)),
        )

    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """Return all foreign keys that the database itself holds, by table and name."""
        return tuple(
            ForeignKey(
                table=table,
                columns=tuple(columns),
                target=target,
                target_columns=tuple(others),
                on_delete=on_delete,
                label=f"{table} ({', '.join(columns)})",
            )
            for table, target, columns, others, on_delete in self._run(_FOREIGN_KEYS).rows
        )

    def _sized(self, sql: str, measured: str) -> Result:
        connection = self._executor.connection
        # PostgreSQL counts the moment of the last scan since version 16.
        last = "NULL::bigint"
        if connection.pg_version >= 160000:  # type: ignore[attr-defined]
            last = "(extract(epoch FROM pg_stat_get_lastscan(c.oid)) * 1000000)::bigint"
        parts = {"held": _HELD, "users_own": _USERS_OWN, "last": last}
        inside = connection.in_atomic_block
        try:
            # Somebody's transaction must live on after the error.
            with transaction.atomic(using=self._executor.alias) if inside else nullcontext():
                return self._run(sql.format(measured=measured, **parts), LOCK_TIMEOUT)
        except DatabaseError as error:
            if not PostgresErrors().trouble(error).passes:
                raise
        return self._run(sql.format(measured="NULL::bigint", **parts))

    def _run(self, sql: str, lock_timeout: float | None = None) -> Result:
        statement = Statement(
            sql=sql,
            purpose="Read the statistics of tables and indexes.",
            lock=Lock.ACCESS_SHARE,
            lock_timeout=lock_timeout,
        )
        return self._executor.run(statement)


def _source(row: tuple[Any, ...]) -> StatisticsSource:
    now, since, started, replica, replicas = row
    return StatisticsSource(
        name="the cumulative statistics of PostgreSQL",
        now=moment(now),
        since=None if since is None else moment(since),
        server_started=moment(started),
        replica=replica,
        replicas=replicas,
    )


def _facts(rows: list[tuple[Any, ...]], names: Names) -> tuple[ColumnFacts, ...]:
    found: dict[tuple[str, str], ColumnFacts] = {}
    for schema, relation, column, null_share, distinct, width in rows:
        table = names.by_schema.get((schema, relation))
        # pg_stats also has the expressions of indexes, under the index's name.
        if table is None:
            continue
        # A negative number is a share of the rows.
        known = distinct if distinct >= 0 else -distinct * names.rows.get(table, 0)
        found[table, column] = ColumnFacts(
            table=table,
            column=column,
            null_share=null_share,
            distinct=known or None,
            average_bytes=width,
        )
    return tuple(found.values())
