"""The checks of indexes: each condition is made, found, mended as its finding says, and gone."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.health.finding import Confidence, Level
from dbhealth.health.report import run_checks
from dbhealth.indexes.models import IndexCount, IndexSnapshot, TrackedIndex
from dbhealth.indexes.snapshots import snapshot_indexes
from dbhealth.queries.models import RecordedUse
from tests.indexes.building import init
from tests.testapp.raw import execute, fetch

pytestmark = pytest.mark.django_db(transaction=True)

ALL = tuple(f"I{number:03}" for number in range(1, 14))
TABLES = ("finding_goods", "finding_shelves")


def look(*ids, **thresholds):
    """Return what the checks find about the tables of these tests, by id and object."""
    known = tuple(f"dbhealth.{name}" for name in ids)
    with override_settings(DBHEALTH={"THRESHOLDS": {"*": thresholds}}):
        report = run_checks("default", ids=known)
    assert report.failed == ()
    assert {item.id for item in report.findings} <= set(known)
    for item in report.findings:
        assert item.title
        assert item.why
        assert item.instead
        assert "\n" not in item.title
    ours = [item for item in report.findings if " finding_" in item.object]
    return {(item.id.removeprefix("dbhealth."), item.object): item for item in ours}


def mend(found):
    """Do what a finding says."""
    assert found.sql
    for sql in found.sql:
        execute(sql)


@pytest.fixture
def goods(transactional_db):
    """Make a table with a foreign key that has its index, and drop it afterwards."""
    execute("CREATE TABLE finding_shelves (id int PRIMARY KEY)")
    execute(
        "CREATE TABLE finding_goods (id int PRIMARY KEY, a int, b int, c int, "
        "shelf int REFERENCES finding_shelves (id))"
    )
    execute("CREATE INDEX finding_goods_shelf ON finding_goods (shelf)")
    yield
    for table in TABLES:
        execute(f"DROP TABLE {table}")


def fill(rows, *, a="n", b="n"):
    series = (
        f"generate_series(1, {rows}) n"
        if connection.vendor == "postgresql"
        else f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) "
        "SELECT n FROM s)"
    )
    execute(f"INSERT INTO finding_goods (id, a, b) SELECT n, {a}, {b} FROM {series}")
    execute("ANALYZE finding_goods")


def test_a_table_with_nothing_wrong_is_no_finding(goods):
    assert look(*ALL) == {}


def test_an_index_that_is_there_twice_is_found_and_gone_when_dropped(goods):
    execute("CREATE INDEX finding_once ON finding_goods (a, b DESC)")
    execute("CREATE INDEX finding_twice ON finding_goods (a, b DESC)")
    [((name, thing), found)] = look("I002", "I003").items()
    assert (name, found.level) == ("I002", Level.WARNING)
    assert thing in {"index finding_once", "index finding_twice"}
    mend(found)
    assert look("I002", "I003") == {}


def test_the_beginning_of_another_index_is_found_and_gone_when_dropped(goods):
    execute("CREATE INDEX finding_short ON finding_goods (a)")
    execute("CREATE INDEX finding_long ON finding_goods (a, b)")
    [(key, found)] = look("I002", "I003").items()
    assert key == ("I003", "index finding_short")
    assert "finding_long" in found.title
    mend(found)
    assert look("I002", "I003") == {}


@pytest.mark.postgresql
def test_an_index_whose_build_failed_is_found_and_gone_when_dropped(goods):
    fill(2, a="1")
    with pytest.raises(Exception, match="could not create unique index"):
        execute("CREATE UNIQUE INDEX CONCURRENTLY finding_broken ON finding_goods (a)")
    [(key, found)] = look("I001").items()
    assert key == ("I001", "index finding_broken")
    assert (found.level, found.confidence) == (Level.ERROR, Confidence.HIGH)
    mend(found)
    assert look("I001") == {}


@pytest.mark.postgresql
def test_an_unused_index_is_found_when_it_has_been_watched_long_enough(goods):
    execute("CREATE INDEX finding_idle ON finding_goods (b)")
    fill(1_000)
    assert look("I004", unused_bytes=0) == {}, "the statistics are young"
    snapshot_indexes("default")
    try:
        age = timedelta(days=120)
        TrackedIndex.objects.update(first_seen=timezone.now() - age)
        found = look("I004", unused_bytes=0)["I004", "index finding_idle"]
        assert found.confidence > Confidence.LOW
        assert found.value > 0
        assert look("I004", unused_bytes=10**9) == {}, "it is small"
        mend(found)
        assert ("I004", "index finding_idle") not in look("I004", unused_bytes=0)
    finally:
        for model in (IndexCount, TrackedIndex, IndexSnapshot):
            model.objects.all().delete()


def recorded(then):
    return RecordedUse(
        database="default",
        table="finding_goods",
        index="finding_goods_shelf",
        day=then.date(),
        uses=30,
        last_used=then,
    )


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL counts by itself.")
def test_an_unused_index_is_found_by_what_the_recorder_has_seen(goods):
    execute("CREATE INDEX finding_idle ON finding_goods (b)")
    fill(1_000)
    assert look("I004", unused_bytes=0) == {}, "nobody has recorded anything"
    RecordedUse.objects.bulk_create(recorded(timezone.now() - timedelta(days=n)) for n in range(5))
    assert look("I004", unused_bytes=0) == {}, "five days have seen too little"
    RecordedUse.objects.all().delete()
    RecordedUse.objects.bulk_create(recorded(timezone.now() - timedelta(days=n)) for n in range(99))
    try:
        [(key, found)] = look("I004", unused_bytes=0).items()
        assert key == ("I004", "index finding_idle")
        mend(found)
        assert look("I004", unused_bytes=0) == {}
    finally:
        RecordedUse.objects.all().delete()


def test_a_foreign_key_without_an_index_is_found_and_gone_with_one(goods):
    execute("DROP INDEX finding_goods_shelf")
    fill(2_000)
    [(key, found)] = look("I009").items()
    assert key == ("I009", "column finding_goods.shelf")
    assert found.level is Level.WARNING
    assert "make an index on (shelf)" in found.change
    execute("CREATE INDEX finding_goods_shelf ON finding_goods (shelf)")
    assert look("I009") == {}


@pytest.mark.postgresql
def test_a_table_that_is_read_whole_is_found_until_its_figures_begin_anew(goods):
    fill(12_000)
    for number in range(100):
        fetch("SELECT count(*) FROM finding_goods WHERE c = %s", number)
    execute("SELECT pg_stat_force_next_flush()")
    connection.close()
    [(key, found)] = look("I010").items()
    assert key == ("I010", "table finding_goods")
    assert found.value >= 100
    execute("SELECT pg_stat_reset_single_table_counters('finding_goods'::regclass)")
    assert look("I010") == {}


@pytest.mark.postgresql
def test_an_index_of_empty_pages_is_found_and_gone_when_rebuilt(goods):
    execute("ALTER TABLE finding_goods ADD t text")
    execute("ALTER TABLE finding_goods SET (autovacuum_enabled = false)")
    execute("CREATE INDEX finding_hollow ON finding_goods (t)")
    execute(
        "INSERT INTO finding_goods (id, t) SELECT n, lpad(n::text, 400, '0') "
        "FROM generate_series(1, 50000) n"
    )
    execute("DELETE FROM finding_goods WHERE id % 10 <> 0")
    execute("VACUUM (ANALYZE) finding_goods")
    found = look("I006")["I006", "index finding_hollow"]
    assert found.sql[0].startswith("REINDEX INDEX CONCURRENTLY")
    mend(found)
    assert ("I006", "index finding_hollow") not in look("I006")


@pytest.mark.postgresql
def test_an_index_of_nulls_is_found_and_gone_when_it_leaves_them_out(goods):
    execute(
        "CREATE INDEX finding_empty ON finding_goods (c) "
        "WITH (fillfactor = 10, deduplicate_items = off)"
    )
    fill(40_000)
    execute("REINDEX INDEX finding_empty")
    found = look("I007", "I008")["I007", "index finding_empty"]
    assert found.level is Level.INFO
    mend(found)
    execute("CREATE INDEX finding_full ON finding_goods (c) WHERE c IS NOT NULL")
    assert look("I007", "I008") == {}


def test_an_index_of_few_values_is_found_and_gone_without_it(goods):
    execute("CREATE INDEX finding_few ON finding_goods (a)")
    fill(12_000, a="n % 3")
    [(key, found)] = look("I007", "I008").items()
    assert key == ("I008", "index finding_few")
    assert found.level is Level.INFO
    mend(found)
    assert look("I007", "I008") == {}


@pytest.mark.postgresql
def test_an_index_that_costs_more_than_it_gives_is_found_where_figures_are_old_enough(
    goods, monkeypatch
):
    execute("CREATE INDEX finding_dear ON finding_goods (b)")
    fill(12_000)
    execute("SET enable_seqscan = off")
    fetch("SELECT a FROM finding_goods WHERE b = 7")
    execute("SELECT pg_stat_force_next_flush()")
    connection.close()
    assert look("I005", unused_bytes=0) == {}, "the statistics are young"
    monkeypatch.setattr("dbhealth.indexes.evidence.YOUNG", timedelta(0))
    seen = look("I004", "I005", unused_bytes=0)
    assert set(seen) == {("I005", "index finding_dear")}
    mend(seen["I005", "index finding_dear"])
    assert look("I004", "I005", unused_bytes=0) == {}


def drifting():
    """Return what is found about the indexes of one model, by id and object."""
    known = [f"dbhealth.{name}" for name in ("I011", "I012", "I013")]
    report = run_checks("default", ids=known)
    assert report.failed == ()
    return {
        (item.id.removeprefix("dbhealth."), item.object): item
        for item in report.findings
        if "indexapp_book " in f"{item.title} ".replace(",", " ").replace(".", " ")
    }


def test_a_declared_index_that_was_dropped_is_found_and_gone_when_made(whole):
    assert drifting() == {}
    execute("DROP INDEX book_state_year")
    [(key, found)] = drifting().items()
    assert key == ("I011", "index book_state_year")
    assert "indexapp.Book declares" in found.title
    assert found.file.endswith("models.py")
    mend(found)
    assert drifting() == {}


def test_an_index_that_nobody_declares_is_found_and_gone_when_dropped(whole):
    execute("CREATE INDEX finding_by_hand ON indexapp_book (year, state)")
    [(key, found)] = drifting().items()
    assert (key, found.level) == (("I012", "index finding_by_hand"), Level.INFO)
    mend(found)
    assert drifting() == {}


def test_an_index_that_is_not_as_declared_is_found_until_it_is_made_anew(whole):
    execute("DROP INDEX book_state_year")
    execute("CREATE INDEX book_state_year ON indexapp_book (year)")
    [(key, found)] = drifting().items()
    assert key == ("I013", "index book_state_year")
    assert "It differs in" in found.why
    execute("DROP INDEX book_state_year")
    init()
    assert drifting() == {}
