"""Autovacuum's own formula, held against what a real autovacuum turns to and what it leaves."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connections

from dbhealth.backends import get_backend
from dbhealth.backends.condition import Due, TableCondition
from tests.servers import CALM_SETTINGS, PostgresServer
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.postgresql

# (name, options, what is done to 1,000 analyzed rows, what is due then)
TABLES = [
    # 50 + 0.2 * 1,000 dead rows are not too many yet.
    ("dead_at", "autovacuum_analyze_threshold = 9999", "DELETE FROM {} WHERE id <= 250", set()),
    (
        "dead_above",
        "autovacuum_analyze_threshold = 9999",
        "DELETE FROM {} WHERE id <= 251",
        {Due.DEAD},
    ),
    # 50 + 0.1 * 1,000 changed rows.
    ("changed_at", "fillfactor = 100", "DELETE FROM {} WHERE id <= 150", set()),
    ("changed_above", "fillfactor = 100", "DELETE FROM {} WHERE id <= 151", {Due.CHANGED}),
    (
        "own_limit",
        "autovacuum_vacuum_threshold = 5, autovacuum_vacuum_scale_factor = 0",
        "DELETE FROM {} WHERE id <= 6",
        {Due.DEAD},
    ),
    (
        "own_at",
        "autovacuum_vacuum_threshold = 5, autovacuum_vacuum_scale_factor = 0",
        "DELETE FROM {} WHERE id <= 5",
        set(),
    ),
    ("off", "autovacuum_enabled = off", "DELETE FROM {}", set()),
    (
        "inserted_above",
        "autovacuum_vacuum_insert_threshold = 100, autovacuum_vacuum_insert_scale_factor = 0, "
        "autovacuum_analyze_threshold = 9999",
        "INSERT INTO {} SELECT i FROM generate_series(2001, 2101) i",
        {Due.INSERTED},
    ),
    (
        "inserted_at",
        "autovacuum_vacuum_insert_threshold = 100, autovacuum_vacuum_insert_scale_factor = 0, "
        "autovacuum_analyze_threshold = 9999",
        "INSERT INTO {} SELECT i FROM generate_series(2001, 2100) i",
        set(),
    ),
    (
        "no_inserts",
        "autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 9999",
        "INSERT INTO {} SELECT i FROM generate_series(2001, 8000) i",
        set(),
    ),
    (
        "toast_above",
        "autovacuum_analyze_threshold = 9999, autovacuum_vacuum_threshold = 200, "
        "toast.autovacuum_vacuum_threshold = 3, toast.autovacuum_vacuum_scale_factor = 0",
        "DELETE FROM {} WHERE id <= 4",
        {Due.TOAST},
    ),
]
# Subtransactions, each with a number of its own.
AGEING = """
    CREATE TEMPORARY TABLE spent (i integer);
    DO $$ BEGIN
        FOR i IN 1..100100 LOOP
            BEGIN INSERT INTO spent VALUES (i); EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP;
    END $$
"""
# The last one, for it makes the others older.
AGED = (
    "aged",
    # The least that the server takes for it, and no matter what the other option says.
    "autovacuum_freeze_max_age = 100000, autovacuum_enabled = off",
    AGEING,
    {Due.AGE, Due.TOAST},
)
MOST = (
    "most",
    "autovacuum_vacuum_max_threshold = 20, autovacuum_analyze_threshold = 9999",
    "DELETE FROM {} WHERE id <= 21",
    {Due.DEAD},
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Start a server whose autovacuum comes by next month."""
    calm = CALM_SETTINGS | {"max_connections": "20"}
    with PostgresServer(postgres_major() or 0, settings=calm) as started:
        yield started


@pytest.fixture(scope="module")
def here(server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.dsn, autocommit=True) as session:
        yield session


@pytest.fixture
def look(server, django_db_blocker) -> Iterator[Callable[[], dict[str, TableCondition]]]:
    """Return a function that reads the conditions on that server."""
    own = connections.settings["default"] | {"HOST": server.host, "NAME": "postgres"}
    connections.settings["calm"] = own
    try:
        with django_db_blocker.unblock():
            yield lambda: {t.table: t for t in get_backend("calm").conditions.report().tables}
    finally:
        connections["calm"].close()
        del connections.settings["calm"], connections["calm"]


def make(here: psycopg.Connection, name: str, options: str, change: str) -> None:
    here.execute(f"CREATE TABLE {name} (id integer, body text) WITH ({options})")
    # Out of line in the one table whose TOAST table matters.
    body = "repeat('x', 3000)" if name.startswith("toast") else "'x'"
    here.execute(f"ALTER TABLE {name} ALTER body SET STORAGE EXTERNAL")
    here.execute(f"INSERT INTO {name} SELECT i, {body} FROM generate_series(1, 1000) i")
    here.execute("SELECT pg_stat_force_next_flush()")
    here.execute(f"VACUUM (ANALYZE) {name}")
    here.execute(change.format(name))
    here.execute("SELECT pg_stat_force_next_flush()")


VISITED = """
    SELECT c.relname, pg_stat_get_autovacuum_count(c.oid),
           coalesce(pg_stat_get_autovacuum_count(c.reltoastrelid), 0),
           pg_stat_get_autoanalyze_count(c.oid)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind = 'r'
"""


def visited(here: psycopg.Connection) -> dict[str, set[str]]:
    """Return what autovacuum has done to each table."""
    names = ("VACUUM", "VACUUM of TOAST", "ANALYZE")
    return {
        table: {name for name, count in zip(names, counts, strict=True) if count}
        for table, *counts in here.execute(VISITED).fetchall()
    }


def expected(table: TableCondition) -> set[str]:
    due = table.autovacuum.due
    found = {"VACUUM"} if set(due) & {Due.DEAD, Due.INSERTED, Due.AGE} else set()
    return (
        found
        | ({"VACUUM of TOAST"} if Due.TOAST in due else set())
        | ({"ANALYZE"} if Due.CHANGED in due else set())
    )


def until(here: psycopg.Connection, name: str) -> None:
    """Wait until autovacuum has been at a table."""
    deadline = time.monotonic() + 60
    while not visited(here)[name]:
        assert time.monotonic() < deadline, f"Autovacuum never came to {name}."
        here.execute("SELECT pg_sleep(0.05)")


def test_autovacuum_does_what_is_called_due_and_nothing_else(here, look):
    tables = [*TABLES, *([MOST] if here.info.server_version >= 180000 else []), AGED]
    for name, options, change, _ in tables:
        make(here, name, options, change)
    found = look()
    assert {name: set(found[name].autovacuum.due) for name, *_ in tables} == {
        name: due for name, _, _, due in tables
    }
    here.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
    here.execute("SELECT pg_reload_conf()")
    until(here, "own_limit")
    # What is made now is seen to in a later round, when all the others have had their turn.
    make(here, "sentinel", "autovacuum_vacuum_scale_factor = 0", "DELETE FROM {} WHERE id < 99")
    until(here, "sentinel")
    done = visited(here)
    assert {name: done[name] for name, *_ in tables} == {
        name: expected(found[name]) for name, *_ in tables
    }
