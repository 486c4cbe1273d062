"""How tables stand on PostgreSQL: what the statistics system and pg_class know.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.db import DatabaseError, transaction

from dbhealth.backends.condition import Conditions
from dbhealth.backends.executor import Result
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.backends.postgresql import condition_sql as sql
from dbhealth.backends.postgresql.autovacuum import PREFIX
from dbhealth.backends.postgresql.condition_rows import Server, conditions
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.session import moment
from dbhealth.backends.postgresql.table_bloat import PostgresTableBloat
from dbhealth.backends.postgresql.table_cures import PostgresTableCures
from dbhealth.backends.statement import Lock, Statement

_LOCK_TIMEOUT = 0.5
"""How long a size may wait for a lock that came after the look for locks (seconds)."""


class PostgresConditions(PostgresTableBloat):
    """How tables stand."""

    cures = PostgresTableCures()

    def report(self, *, sizes: bool = True) -> Conditions:
        """Return the condition of all user tables, in two statements."""
        source, server = _server(self._run(sql.SERVER).first or ())
        found = self._tables(sizes)
        tables, held = conditions(found, server)
        return Conditions(
            source=source,
            tables=tables,
            autovacuum=server.active,
            naptime=server.settings["naptime"],
            left_out=held,
        )

    def _tables(self, sizes: bool) -> list[tuple[Any, ...]]:
        filled = self._filled(sql.TABLES)
        inside = self._executor.connection.in_atomic_block
        if sizes:
            try:
                # Somebody's transaction must live on after the error.
                with transaction.atomic(using=self._executor.alias) if inside else nullcontext():
                    measured = filled.replace("{sizes}", sql.SIZES)
                    return self._run(measured, lock_timeout=_LOCK_TIMEOUT).rows
            except DatabaseError as error:
                if not PostgresErrors().trouble(error).passes:
                    raise
        return self._run(filled.replace("{sizes}", sql.NO_SIZES)).rows

    def _filled(self, text: str) -> str:
        version = self._executor.connection.pg_version  # type: ignore[attr-defined]
        frozen = sql.FROZEN if version >= 180000 else sql.NOT_FROZEN
        new_page = sql.NEW_PAGE if version >= 160000 else "NULL::bigint"
        return text.replace("{frozen}", frozen).replace("{new_page}", new_page)

    def _run(self, text: str, *params: object, lock_timeout: float | None = None) -> Result:
        statement = Statement(
            sql=text,
            params=params,
            purpose="Read how tables stand.",
            lock=Lock.ACCESS_SHARE,
            lock_timeout=lock_timeout,
        )
        return self._executor.run(statement)


def _server(row: tuple[Any, ...]) -> tuple[StatisticsSource, Server]:
    now, since, started, replica, replicas, names, values = row
    said = dict(zip(names, values, strict=True))
    settings = {
        name.removeprefix(PREFIX): float(value) for name, value in said.items() if _is_number(value)
    }
    source = StatisticsSource(
        name="the cumulative statistics of PostgreSQL",
        now=moment(now),
        since=None if since is None else moment(since),
        server_started=moment(started),
        replica=replica,
        replicas=replicas,
    )
    active = said["autovacuum"] == "on" and said["track_counts"] == "on"
    return source, Server(settings=settings, active=active)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
