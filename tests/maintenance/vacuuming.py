"""What the tests of vacuum share: a table of their own with dead rows, and how it is vacuumed."""

from collections.abc import Iterator

import pytest
from django.db import connection

from dbhealth.maintenance.plan import Asked
from dbhealth.maintenance.vacuum import vacuum
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.stopping import StopRequest
from tests.indexes.building import Listener
from tests.moveapp.tools import query, until_nobody_looks_back, wait_until

TABLES = ("clean", "dirty")
ROWS = 4_000


def run_vacuum(*, listener=None, stop=None, tables=TABLES, dry_run=False, seconds=None, **asked):
    """Run vacuum on the tables and return what became of the database."""
    around = Circumstances(progress=listener or Listener(), stop=stop or StopRequest())
    done = vacuum(
        "default",
        tables=tables,
        asked=Asked(**asked),
        dry_run=dry_run,
        circumstances=around.within(seconds),
    )
    return done["databases"]["default"]


def deeds(result):
    return [
        (step["deed"], step["index"] or step["table"], step["state"]) for step in result["steps"]
    ]


def last_run():
    return MaintenanceRun.objects.filter(operation="vacuum").latest("pk")


def dead_rows(table):
    (row,) = query("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = %s", table)
    return row[0]


def fill(table, rows=ROWS):
    """Put rows into a table, in one statement."""
    series = "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %s) "
    query(
        f"INSERT INTO {table} {series} SELECT i, 'a row of some length, number ' || i FROM s", rows
    )


@pytest.fixture
def tables(transactional_db) -> Iterator[None]:
    """Make two tables: of the one nothing has gone, of the other half, and PostgreSQL knows it."""
    on_postgresql = connection.vendor == "postgresql"
    more = " WITH (autovacuum_enabled = false)" if on_postgresql else ""
    for table in TABLES:
        query(f"CREATE TABLE {table} (id integer PRIMARY KEY, text varchar(100)){more}")
        query(f"CREATE INDEX {table}_text ON {table} (text)")
        fill(table)
    query("DELETE FROM dirty WHERE id > 2000")
    if on_postgresql:
        query("SELECT pg_stat_force_next_flush()")
        wait_until(lambda: dead_rows("dirty") > 0, "the statistics arrive")
        until_nobody_looks_back()
    yield
    connection.close()
    for table in TABLES:
        query(f"DROP TABLE {table}")
    # PRAGMA optimize may have analyzed the tables of other tests.
    if not on_postgresql and query("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"):
        query("DELETE FROM sqlite_stat1")
