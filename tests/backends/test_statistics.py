"""Sizes are what the server says, and reading them never waits for somebody's lock."""

import time
from pathlib import Path

import pytest
from django.db import connection

from tests.shopapp.models import Parcel

FILLED = [
    "CREATE TABLE sized (id integer PRIMARY KEY, body text, day date)",
    "CREATE INDEX sized_day ON sized (day)",
]


@pytest.fixture
def sized(run, transactional_db):
    """Make a table of some hundred pages with two indexes; dropped at the end."""
    many = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "INSERT INTO sized SELECT i, '{}', '2025-01-01' FROM n"
    )
    run(*FILLED, many.format("x" * 500))
    if connection.vendor == "postgresql":
        run("VACUUM ANALYZE sized")
    yield "sized"
    run("DROP TABLE sized")


def test_the_sizes_of_a_table_are_what_the_server_says(backend, run, sized):
    if connection.vendor == "postgresql":
        question = (
            "SELECT pg_table_size('sized'), pg_indexes_size('sized'), "
            "pg_total_relation_size('sized')"
        )
    else:
        question = (
            "SELECT (SELECT sum(pgsize) FROM dbstat WHERE name = 'sized'), "
            "(SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'sized_%'), "
            "(SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'sized%')"
        )
    size = backend.statistics.relation_size("sized")
    assert [(size.table_bytes, size.index_bytes, size.total_bytes)] == run(question)
    assert size.table_bytes > 3000 * 500
    assert 0 < size.index_bytes < size.table_bytes
    assert size.name == "sized"
    assert size.exact
    assert size.estimated_rows == (3000 if connection.vendor == "postgresql" else None)


@pytest.mark.django_db
def test_a_table_that_is_not_there_has_no_size(backend):
    assert backend.statistics.relation_size("no_such_table") is None


@pytest.mark.django_db
def test_a_new_table_has_a_size_and_no_idea_of_its_rows(backend, run):
    run("CREATE TABLE fresh (id integer)")
    size = backend.statistics.relation_size("fresh")
    assert size.index_bytes == 0
    assert size.estimated_rows in {None, 0}


def test_the_size_of_the_database_is_what_the_server_says(backend, run, sized):
    if connection.vendor == "postgresql":
        expected = run("SELECT pg_database_size(current_database())")[0][0]
    else:
        expected = Path(connection.settings_dict["NAME"]).stat().st_size
    assert backend.statistics.database_bytes() == expected


def test_the_largest_tables_come_first_and_no_more_than_asked_for(backend, sized):
    tables = backend.statistics.largest(1_000)
    totals = [size.total_bytes for size in tables]
    assert totals == sorted(totals, reverse=True)
    assert backend.statistics.relation_size("sized") in tables
    assert backend.statistics.largest(3) == tables[:3]


@pytest.mark.postgresql
def test_the_size_of_a_partitioned_table_is_that_of_its_partitions(backend, run, db):
    run(
        "CREATE TABLE parts (id integer PRIMARY KEY, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (1000) "
        "PARTITION BY RANGE (id)",
        "CREATE TABLE parts_lowest PARTITION OF parts_low FOR VALUES FROM (0) TO (500)",
        "CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (1000) TO (9000)",
        "INSERT INTO parts SELECT i, repeat('x', 400) FROM generate_series(1, 499) AS i",
        "INSERT INTO parts SELECT i, repeat('x', 400) FROM generate_series(1000, 1999) AS i",
        "ANALYZE parts",
    )
    size = backend.statistics.relation_size("parts")
    expected = run(
        "SELECT sum(pg_table_size(relid))::bigint, sum(pg_indexes_size(relid))::bigint "
        "FROM pg_partition_tree('parts') WHERE isleaf"
    )
    assert [(size.table_bytes, size.index_bytes)] == expected
    assert size.estimated_rows == 1499
    assert size.exact


@pytest.mark.postgresql
@pytest.mark.parametrize("waiting", [False, True], ids=["held", "only asked for"])
def test_reading_goes_on_while_a_table_is_locked(backend, second, third, run, sized, waiting):
    """Held, or asked for by a session that waits: either makes newcomers wait behind it."""
    try:
        _hold_locks(second, third if waiting else None, run)
        began = time.monotonic()
        size = backend.statistics.relation_size("sized")
        largest = {size.name: size for size in backend.statistics.largest(1000)}
        relation = backend.catalog.relation("sized")
        backend.catalog.referencing("shop_parcels")
        tables = backend.catalog.tables()
        assert time.monotonic() - began < 20
    finally:
        second.close()
        third.close()
    assert not size.exact
    assert not largest["sized"].exact
    assert largest["Shop_Readings"].exact
    assert size.table_bytes > 3000 * 500
    assert relation.primary_key == ("id",)
    assert {"sized", "shop_parcels"} <= set(tables)


def _hold_locks(holder, asking, run) -> None:
    """Let one session hold the tables, and another one, if given, wait for them."""
    mode = "ACCESS EXCLUSIVE" if asking is None else "ACCESS SHARE"
    with holder.cursor() as cursor:
        cursor.execute(f"BEGIN; LOCK TABLE sized, shop_parcels IN {mode} MODE")
    if asking is None:
        return
    asking.ensure_connection()
    asking.connection.pgconn.send_query(b"BEGIN; LOCK TABLE sized IN ACCESS EXCLUSIVE MODE")
    deadline = time.monotonic() + 10
    waits = "SELECT 1 FROM pg_locks WHERE relation = 'sized'::regclass AND NOT granted"
    while not run(waits):
        assert time.monotonic() < deadline, "The session never asked for its lock."


@pytest.mark.django_db
def test_counting_is_exact(backend):
    from dbhealth.backends.selection import Limits

    Parcel.objects.bulk_create(Parcel(number=str(i)) for i in range(7))
    assert backend.rows.count("shop_parcels", Limits(lock=1, statement=5)) == 7
