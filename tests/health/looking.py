"""Looking for one thing with one check, and mending it as its finding says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import override_settings

from dbhealth.health.finding import Finding
from dbhealth.health.report import Report, run_checks


def report(*ids: str, alias: str = "default", **thresholds: float) -> Report:
    """Make checks with thresholds of their own; none of them may fail."""
    wanted = [f"dbhealth.{name}" for name in ids] or None
    with override_settings(DBHEALTH={"THRESHOLDS": {"*": thresholds}}):
        made = run_checks(alias, ids=wanted)
    assert made.failed == ()
    return made


def look(*ids: str, alias: str = "default", **thresholds: float) -> dict[str, Finding]:
    """Return what checks find, by object."""
    found = report(*ids, alias=alias, **thresholds).findings
    for finding in found:
        assert finding.why
        assert finding.instead
        assert "\n" not in finding.title
    return {finding.object: finding for finding in found}


def execute(*statements: str, alias: str = "default") -> list[tuple[Any, ...]]:
    """Run SQL by itself, each statement in its own transaction; return the last one's rows."""
    with connections[alias].cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def mend(finding: Finding) -> None:
    """Do what a finding says, word by word."""
    assert finding.sql
    execute(*finding.sql, alias=finding.database)


def wait_for(happened: Callable[[], object]) -> None:
    """Wait until something has happened, ten seconds at the most."""
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline, "It never came to be."


def send(session: BaseDatabaseWrapper, sql: str) -> int:
    """Let a session run a statement for which nobody waits; return its number."""
    session.ensure_connection()
    pid: int = session.connection.info.backend_pid
    session.connection.pgconn.send_query(sql.encode())
    return pid


def state(pid: int) -> str:
    """Return what a session does: active, idle in transaction, …, "" when it is gone."""
    rows = execute(f"SELECT coalesce(wait_event_type, ''), state FROM pg_stat_activity "
                   f"WHERE pid = {pid}")  # fmt: skip
    return " ".join(rows[0]) if rows else ""


@pytest.fixture
def tables(transactional_db: None) -> Iterator[Callable[[str], None]]:
    """Return a function that runs SQL; the tables whose names begin with health_ are dropped."""
    # What ANALYZE has seen in other tests, of rows that are gone; 16384 is the first oid of a user.
    execute("DELETE FROM pg_statistic WHERE starelid >= 16384")
    yield execute
    rows = execute("SELECT relname FROM pg_class WHERE relname LIKE 'health\\_%' AND relkind = 'r'")
    execute(*(f'DROP TABLE IF EXISTS "{name}" CASCADE' for (name,) in rows))
    rows = execute("SELECT relname FROM pg_class WHERE relname LIKE 'health\\_%' AND relkind = 'S'")
    execute(*(f'DROP SEQUENCE IF EXISTS "{name}" CASCADE' for (name,) in rows))


@pytest.fixture
def others(tables: object) -> Iterator[Callable[[], BaseDatabaseWrapper]]:
    """Return a function that opens one more session; they end before the tables are dropped."""
    opened: list[BaseDatabaseWrapper] = []

    def another() -> BaseDatabaseWrapper:
        session = connections["default"].copy()
        session.ensure_connection()
        opened.append(session)
        return session

    yield another
    for session in opened:
        # A statement that still runs would outlive the mere end of the connection.
        if not session.connection.closed:
            pid = session.connection.info.backend_pid
            execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            session.connection.close()
        session.connection = None
