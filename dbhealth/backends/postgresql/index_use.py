"""The cumulative statistics of PostgreSQL about indexes and their tables.

https://www.postgresql.org/docs/current/monitoring-stats.html

All of it can be read without a lock, but for sizes: see :class:`PostgresIndexUses`.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import chain
from typing import Any

from django.db import DatabaseError, transaction

from dbhealth.backends.executor import Result
from dbhealth.backends.index_records import ColumnFacts, StatisticsSource, UseReport
from dbhealth.backends.postgresql import use_sql
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.index_bloat import PostgresBloat
from dbhealth.backends.postgresql.session import moment
from dbhealth.backends.postgresql.use_rows import Names, index_uses, table_uses
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.statement import Lock, Statement

LOCK_TIMEOUT = 0.5
"""How long a size may wait for a lock that came after the look for locks (seconds)."""

FACTS_FROM_ROWS = 1_000
"""From this size of a table on its columns are of interest (rows)."""


class PostgresIndexUses(PostgresBloat):
    """How indexes are used.

    Sizes are measured unless somebody's lock is seen that would make it wait. When such a lock
    comes after the look, the measuring ends by lock_timeout, and page counts take its place.
    """

    def report(self, *, columns: bool = True) -> UseReport:
        """Return the figures of all user tables and their indexes, as of now."""
        asked = [use_sql.SOURCE, self._filled(use_sql.TABLES)]
        if columns:
            asked.append(use_sql.FOREIGN_KEYS)
        source, tables, *keys = self._executor.run_together(list(map(_statement, asked)))
        names = Names(tables.rows)
        indexes = index_uses(self._indexes(), names)
        return UseReport(
            source=_source(source.first or ()),
            indexes=tuple(chain.from_iterable(indexes.values())),
            tables=table_uses(tables.rows, names, indexes),
            columns=self._facts(names) if columns else (),
            foreign_keys=_foreign_keys(keys[0].rows) if columns else (),
            left_out=tuple(sorted(names.held)),
        )

    def _indexes(self) -> list[tuple[Any, ...]]:
        sql = self._filled(use_sql.INDEXES)
        inside = self._executor.connection.in_atomic_block
        try:
            # Somebody's transaction must live on after the error.
            with transaction.atomic(using=self._executor.alias) if inside else nullcontext():
                measured = sql.replace("{measured}", use_sql.INDEX_SIZE)
                return self._run(measured, lock_timeout=LOCK_TIMEOUT).rows
        except DatabaseError as error:
            if not PostgresErrors().trouble(error).passes:
                raise
        return self._run(sql.replace("{measured}", "NULL::bigint")).rows

    def _filled(self, sql: str) -> str:
        # PostgreSQL keeps the moment of the last scan since version 16.
        knows = self._executor.connection.pg_version >= 160000  # type: ignore[attr-defined]
        return sql.replace("{last}", use_sql.LAST_SCAN if knows else "NULL::bigint")

    def _facts(self, names: Names) -> tuple[ColumnFacts, ...]:
        large = [
            relation
            for (_schema, relation), table in names.by_schema.items()
            if names.rows[table] >= FACTS_FROM_ROWS
        ]
        return _facts(self._run(use_sql.COLUMNS, large).rows, names) if large else ()

    def _run(self, sql: str, *params: object, lock_timeout: float | None = None) -> Result:
        return self._executor.run(_statement(sql, *params, lock_timeout=lock_timeout))


def _statement(sql: str, *params: object, lock_timeout: float | None = None) -> Statement:
    return Statement(
        sql=sql,
        params=params,
        purpose="Read the statistics of tables and indexes.",
        lock=Lock.ACCESS_SHARE,
        lock_timeout=lock_timeout,
    )


def _foreign_keys(rows: list[tuple[Any, ...]]) -> tuple[ForeignKey, ...]:
    return tuple(
        ForeignKey(
            table=table,
            columns=tuple(columns),
            target=target,
            target_columns=tuple(others),
            on_delete=on_delete,
            label=f"{table} ({', '.join(columns)})",
        )
        for table, target, columns, others, on_delete in rows
    )


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
        # A table of the same name in another schema may be a small one.
        if table is None or names.rows[table] < FACTS_FROM_ROWS:
            continue
        # A negative number is a share of the rows.
        known = distinct if distinct >= 0 else -distinct * names.rows[table]
        found[table, column] = ColumnFacts(
            table=table,
            column=column,
            null_share=null_share,
            distinct=known or None,
            average_bytes=width,
        )
    return tuple(found.values())
