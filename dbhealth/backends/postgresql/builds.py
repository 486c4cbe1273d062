"""What PostgreSQL tells of sessions that wait, and of those in their way; and how work is ended.

Reads locks and statistics only: nothing here waits for a lock on a table.
How far they are: ``upkeep_sql``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dbhealth.backends.names import quoted
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import joined
from dbhealth.saying import say as _

_MOST_HOLDERS = 5


def _look(sql: str, *params: object) -> Statement:
    return Statement(
        sql=sql, params=params, purpose="See who works and who waits.", lock=Lock.ACCESS_SHARE
    )


SESSION = _look("SELECT pg_backend_pid()")

# As a number: what a driver makes of a timestamp depends on USE_TZ and time zones.
_WHO = """
    coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''),
    extract(epoch FROM coalesce(a.xact_start, a.state_change))::float8
"""

_WAITS_FOR = f"""
    SELECT b.pid, {_WHO}
      FROM (SELECT DISTINCT unnest(pg_blocking_pids(%s)) AS pid) b
      LEFT JOIN pg_stat_activity a ON a.pid = b.pid
     ORDER BY a.xact_start NULLS LAST, b.pid
"""

# A build waits for locks on its table, and at its end for every older snapshot of the database.
_HOLDERS = f"""
    SELECT a.pid, {_WHO}
      FROM pg_stat_activity a
     WHERE a.pid <> pg_backend_pid() AND a.datname = current_database()
       AND (a.pid IN (SELECT l.pid FROM pg_locks l
                       WHERE l.relation = to_regclass(%s) AND l.granted)
            OR a.backend_xmin IS NOT NULL)
     ORDER BY a.xact_start NULLS LAST, a.pid LIMIT %s
"""

_END = """
    SELECT coalesce(bool_or(pg_cancel_backend(a.pid)), FALSE) FROM pg_stat_activity a
     WHERE a.pid = %s AND a.state = 'active'
       AND (a.query LIKE '%%INDEX CONCURRENTLY%%' OR a.query ~ '^(VACUUM|ANALYZE) ')
"""

_INVALID = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = to_regclass(%s) AND NOT i.indisvalid
       AND i.indexrelid NOT IN (SELECT p.index_relid FROM pg_stat_progress_create_index p
                                 WHERE p.index_relid IS NOT NULL)
     ORDER BY c.relname
"""


def waits_for(pid: int) -> Statement:
    """Return what asks for whom a session waits."""
    return _look(_WAITS_FOR, pid)


def holders(table: str) -> Statement:
    """Return what asks who holds locks on a table, or a snapshot."""
    return _look(_HOLDERS, quoted(table), _MOST_HOLDERS)


def end(pid: int) -> Statement:
    """Return what cancels a build, VACUUM or ANALYZE."""
    return _look(_END, pid)


def invalid(table: str) -> Statement:
    """Return what asks for the invalid indexes of a table that nobody is building."""
    return _look(_INVALID, quoted(table))


def told(rows: Iterable[tuple[Any, ...]]) -> tuple[str, ...]:
    """Return sessions in words."""
    return tuple(_session(*row) for row in rows)


def _session(pid: int, application: str, user: str, state: str, since: float | None) -> str:
    if not pid:
        return _("a prepared transaction (SELECT * FROM pg_prepared_xacts)")
    known = [_('application "{application}"', application=application)] if application else []
    known += [_('user "{user}"', user=user)] if user else []
    known += [_state(state, since)] if state else []
    if known:
        return _("process {pid} ({session})", pid=pid, session=joined(known))
    return _("process {pid}", pid=pid)


def _state(state: str, since: float | None) -> str:
    if since is None:
        return state
    moment = f"{datetime.fromtimestamp(since, UTC):%F %T}"
    return _("{state} since {moment} UTC", state=state, moment=moment)
