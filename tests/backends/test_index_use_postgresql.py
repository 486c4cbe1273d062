"""The figures of PostgreSQL: equal to its own views, and had without waiting for a lock."""

import time
from contextlib import nullcontext
from operator import attrgetter

import pytest
from django.db import connection, transaction

from dbhealth.backends.postgresql import use_sql
from tests.backends.test_index_use import facts_of, table_of, use_of
from tests.servers.waiting import WAITING

pytestmark = pytest.mark.postgresql

INDEXES = """
    SELECT s.relname, s.indexrelname, s.indexrelid::bigint, s.idx_scan, s.idx_tup_read,
           s.idx_tup_fetch, o.idx_blks_read, o.idx_blks_hit, pg_relation_size(s.indexrelid)
      FROM pg_stat_user_indexes s JOIN pg_statio_user_indexes o USING (indexrelid)
     WHERE s.schemaname = 'public'
"""
OF_READ = f"{INDEXES} AND s.relname = 'read'"
TABLES = """
    SELECT relname, seq_scan, seq_tup_read, coalesce(idx_scan, 0), coalesce(idx_tup_fetch, 0),
           n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd
      FROM pg_stat_user_tables WHERE schemaname = 'public'
"""

of_index = attrgetter(
    *("table", "name", "oid", "scans", "rows_read", "rows_fetched"),
    *("blocks_read", "blocks_hit", "bytes"),
)
of_table = attrgetter(
    *("table", "sequential_scans", "sequential_rows", "index_scans", "index_rows"),
    *("inserts", "updates", "deletes", "hot_updates"),
)


@pytest.fixture
def read(committed, run):
    """Make a table of 5,000 rows and read it by its indexes and without."""
    alone = "WITH (autovacuum_enabled = off)"  # which reads the table whenever it likes
    committed("read", f"(id integer PRIMARY KEY, day integer, body text) {alone}")
    run(
        "CREATE INDEX read_day ON read (day)",
        "CREATE INDEX read_body ON read (body)",
        "INSERT INTO read SELECT i, i % 50, repeat('x', 100) || i FROM generate_series(1, 5000) i",
        "VACUUM ANALYZE read",
        "SELECT body FROM read WHERE id = 7",
        "SET enable_seqscan = off",
        "SELECT body FROM read WHERE day = 7",
        "RESET enable_seqscan",
        "SELECT count(*) FROM read WHERE body LIKE '%7'",
        "UPDATE read SET body = 'new' WHERE id = 7",
        "DELETE FROM read WHERE id = 8",
        "SELECT pg_stat_force_next_flush()",
    )
    return "read"


def test_figures_of_indexes_and_tables_are_those_of_the_views(backend, run, read):
    report = backend.use.report()
    indexes = {of_index(use) for use in report.indexes}
    tables = {of_table(use) for use in report.tables if '"."' not in use.table}
    assert {row for row in indexes if row[0] == "read"} == set(run(OF_READ))
    assert {row for row in tables if row[0] == "read"} <= set(run(TABLES))
    assert {row[0] for row in tables} == {row[0] for row in run(TABLES)}
    assert {row[:3] for row in run(INDEXES)} <= {row[:3] for row in indexes}
    assert use_of(report, "read_pkey").scans >= 1
    assert table_of(report, "read").sequential_rows >= 5000


def test_the_last_scan_is_known_where_the_server_keeps_it(backend, read):
    report = backend.use.report()
    knows = connection.pg_version >= 160000
    table = table_of(report, "read")
    for last in (use_of(report, "read_pkey").last_scan, table.last_sequential_scan):
        assert (last is not None) == knows
        assert last is None or 0 <= (report.source.now - last).total_seconds() < 60
    assert use_of(report, "read_body").last_scan is None


@pytest.mark.parametrize("after", ["ANALYZE", "rows that stay", "rows of an aborted transaction"])
def test_a_size_is_right_whatever_happened_since_analyze(backend, run, read, after):
    more = "INSERT INTO read SELECT i, i, repeat('y', 99) || i FROM generate_series(6000, 9000) i"
    if after == "rows that stay":
        run(more)
    elif after == "rows of an aborted transaction":
        with transaction.atomic():
            run(more)
            transaction.set_rollback(True)
    else:
        run("ANALYZE read")
    run("SELECT pg_stat_force_next_flush()", "SELECT 1")
    uses = [use for use in backend.use.report().indexes if use.table == "read"]
    assert {(use.name, use.bytes) for use in uses} == {(row[1], row[-1]) for row in run(OF_READ)}
    assert all(use.exact_bytes for use in uses)


def test_the_figures_of_a_partitioned_table_are_those_of_its_partitions(backend, run, db):
    run(
        "CREATE TABLE parts (id integer PRIMARY KEY, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (1000) "
        "PARTITION BY RANGE (id)",
        "CREATE TABLE parts_lowest PARTITION OF parts_low FOR VALUES FROM (0) TO (500)",
        "CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (1000) TO (9000)",
        "INSERT INTO parts SELECT i, 'x' FROM generate_series(1, 499) AS i",
        "INSERT INTO parts SELECT i, 'x' FROM generate_series(1000, 1999) AS i",
        "ANALYZE parts",
    )
    report = backend.use.report()
    low, high = use_of(report, "parts_lowest_pkey"), use_of(report, "parts_high_pkey")
    whole = use_of(report, "parts_pkey")
    assert whole.bytes == low.bytes + high.bytes > 0
    assert whole.entries == low.entries + high.entries == 1499
    assert use_of(report, "parts_low_pkey").bytes == low.bytes
    assert table_of(report, "parts").rows == 1499
    assert facts_of(report, "parts")["id"].distinct == 1499


def test_columns_of_small_tables_and_of_other_schemas_are_kept_apart(backend, run, db):
    run(
        "CREATE SCHEMA apart",
        "CREATE TABLE apart.same (id integer PRIMARY KEY, kind integer)",
        "CREATE TABLE same (id integer PRIMARY KEY, kind integer)",
        "INSERT INTO apart.same SELECT i, i % 3 FROM generate_series(1, 2000) i",
        "INSERT INTO same SELECT i, i % 5 FROM generate_series(1, 900) i",
        "ANALYZE apart.same",
        "ANALYZE same",
    )
    report = backend.use.report()
    assert facts_of(report, 'apart"."same')["kind"].distinct == 3
    assert facts_of(report, "same") == {}
    assert {use.table for use in report.indexes if use.name == "same_pkey"} == {
        "same",
        'apart"."same',
    }


def test_since_when_figures_count_is_the_last_reset(backend, run, db):
    before = backend.use.report().source
    run("SELECT pg_stat_reset()", "SELECT pg_stat_clear_snapshot()")
    source = backend.use.report().source
    assert before.now <= source.since <= source.now
    assert source.server_started < source.now
    assert (source.replica, source.replicas) == (False, 0)


def _wait_for(run, question: str) -> None:
    deadline = time.monotonic() + 10
    while not run(question):
        assert time.monotonic() < deadline, f"It never came to that: {question}"


@pytest.mark.parametrize("lock", ["table", "index", "waiting"])
def test_a_table_that_somebody_locks_is_named_and_not_waited_for(
    backend, run, read, second, third, lock
):
    sql = {"table": "LOCK TABLE read", "index": "REINDEX INDEX read_body"}
    run("SET lock_timeout = '10s'", "INSERT INTO read VALUES (0, 0, 'z')")
    try:
        with second.cursor() as cursor:
            if lock == "waiting":
                cursor.execute("BEGIN; LOCK TABLE read IN ACCESS SHARE MODE")
            else:
                cursor.execute(f"BEGIN; {sql[lock]}")
        if lock == "waiting":
            third.ensure_connection()
            third.connection.pgconn.send_query(b"BEGIN; LOCK TABLE read")
            _wait_for(run, WAITING)
        began = time.monotonic()
        report = backend.use.report()
        assert time.monotonic() - began < 2
    finally:
        run("RESET lock_timeout")
        second.close()
        third.close()
    assert report.left_out == ("read",)
    assert use_of(report, "read_body").exact_bytes == (lock != "index")
    assert use_of(report, "read_body").bytes > 5000 * 100
    assert use_of(report, "read_day").exact_bytes


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
def test_a_lock_that_comes_after_the_look_costs_half_a_second(
    backend, run, read, second, monkeypatch, inside
):
    # As if nobody held anything when the look was taken.
    blind = use_sql.INDEXES.replace("locktype = 'relation'", "locktype = 'nothing'")
    monkeypatch.setattr(use_sql, "INDEXES", blind)
    run("SET lock_timeout = '10s'", "INSERT INTO read VALUES (0, 0, 'z')")
    run("SELECT pg_stat_force_next_flush()")
    try:
        with second.cursor() as cursor:
            cursor.execute("BEGIN; REINDEX INDEX read_body")
        began = time.monotonic()
        with transaction.atomic() if inside else nullcontext():
            report = backend.use.report()
            assert run("SELECT 1") == [(1,)]
        assert 0.4 < time.monotonic() - began < 2
    finally:
        run("RESET lock_timeout")
        second.close()
    assert not use_of(report, "read_body").exact_bytes
    assert use_of(report, "read_body").bytes > 5000 * 100
