"""Findings about tables: the real condition, the finding, what it says done, the finding gone."""

from datetime import timedelta

import pytest
from django.db import connection

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.maintenance.sizes import Sizes, keep_sizes
from tests.health.looking import execute, look, mend, others, tables

__all__ = ["others", "tables"]

pytestmark = pytest.mark.django_db(transaction=True)
on_server = pytest.mark.postgresql

ALL = ("V001", "V002", "V003", "V004", "V005", "V006", "V007")
FLUSH = "SELECT pg_stat_force_next_flush()"
OFF = "WITH (autovacuum_enabled = off)"


def of_ours(*ids: str, **thresholds: float) -> dict[str, Finding]:
    """Return what is found about the tables made here; other tests leave dead rows behind."""
    found = look(*ids, **thresholds)
    return {name: item for name, item in found.items() if name.startswith("table health_")}


def fill(rows: int = 1_000) -> str:
    return f"INSERT INTO health_t SELECT i, i, repeat('x', 100) FROM generate_series(1, {rows}) i"


def make(options: str = "") -> None:
    """Make a table of 1,000 analyzed rows."""
    execute(
        f"CREATE TABLE health_t (id integer PRIMARY KEY, n integer, body text) {options}",
        fill(),
        FLUSH,
        "VACUUM ANALYZE health_t",
    )


@on_server
def test_a_table_with_nothing_wrong_has_no_finding(tables):
    make()
    assert "table health_t" not in of_ours(*ALL)


@on_server
def test_dead_rows_are_found_until_they_are_vacuumed(tables):
    make("WITH (autovacuum_vacuum_threshold = 100000)")
    execute("DELETE FROM health_t WHERE id <= 300", FLUSH)
    finding = of_ours("V001", dead_rows=200)["table health_t"]
    assert (finding.level, finding.value) == (Level.WARNING, pytest.approx(0.3))
    assert "300 rows of the table health_t are dead, 30 % of all." in finding.title
    assert not of_ours("V001", dead_rows=301)
    assert not of_ours("V001", dead_rows=200, dead_share=0.31)
    mend(finding)
    assert not of_ours("V001", dead_rows=200)
    [(options,)] = execute("SELECT reloptions FROM pg_class WHERE relname = 'health_t'")
    assert "autovacuum_vacuum_threshold=200" in options


@on_server
def test_autovacuum_is_behind_where_twice_as_many_rows_are_dead_as_it_waits_for(tables):
    make()
    execute("DELETE FROM health_t WHERE id <= 501", FLUSH)
    found = of_ours("V001", "V002", dead_rows=100)
    # One finding and not two: autovacuum knows of these rows.
    assert [finding.id for finding in found.values()] == ["dbhealth.V002"]
    finding = found["table health_t"]
    assert finding.value == pytest.approx(501 / 250)
    assert "501 dead rows (it waits for 250)" in finding.title
    assert not of_ours("V002", dead_rows=100, autovacuum_behind=2.1)
    mend(finding)
    assert not of_ours("V002", dead_rows=100)


@on_server
def test_autovacuum_is_behind_with_inserted_rows_as_well(tables):
    make(
        "WITH (autovacuum_vacuum_insert_threshold = 50, autovacuum_vacuum_insert_scale_factor = 0)"
    )
    execute("INSERT INTO health_t SELECT i FROM generate_series(2001, 2200) i", FLUSH)
    finding = of_ours("V002", dead_rows=100)["table health_t"]
    assert finding.value == pytest.approx(4)
    assert "200 inserted rows" in finding.title
    mend(finding)
    assert not of_ours("V002", dead_rows=100)


@on_server
def test_a_table_without_autovacuum_is_found_until_it_has_it_again(tables):
    make(OFF)
    assert of_ours("V003")["table health_t"].level == Level.INFO
    finding = of_ours("V003", dead_rows=1_000)["table health_t"]
    assert finding.level == Level.WARNING
    mend(finding)
    assert "table health_t" not in of_ours("V003")


@on_server
def test_a_server_without_autovacuum_is_an_error(tables):
    execute("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
    try:
        until_setting("off")
        finding = look("V003")[""]
        assert finding.level == Level.ERROR
        mend(finding)
        until_setting("on")
        assert "" not in look("V003")
    finally:
        execute("ALTER SYSTEM RESET autovacuum", "ALTER SYSTEM RESET track_counts")
        execute("SELECT pg_reload_conf()")


def until_setting(value: str) -> None:
    """Wait until this session has read the configuration."""
    for _ in range(200):
        if execute("SHOW autovacuum") == [(value,)]:
            return
        execute("SELECT pg_sleep(0.02)")
    raise AssertionError("The server never read its configuration.")


@on_server
def test_missing_statistics_are_found_until_somebody_analyzes(tables):
    execute(f"CREATE TABLE health_t (id integer, n integer, body text) {OFF}", fill(), FLUSH)
    finding = of_ours("V004", changed_rows=1_000)["table health_t"]
    assert "no statistics of the table health_t (1,000 rows)" in finding.title
    assert not of_ours("V004", changed_rows=1_001)
    mend(finding)
    assert not of_ours("V004", changed_rows=1_000)


@on_server
def test_stale_statistics_are_found_until_somebody_analyzes(tables):
    make(OFF)
    execute("UPDATE health_t SET n = 0 WHERE id <= 600", FLUSH)
    finding = of_ours("V004", changed_rows=500)["table health_t"]
    assert finding.value == pytest.approx(0.6)
    assert not of_ours("V004", changed_rows=500, changed_share=0.7)
    mend(finding)
    assert not of_ours("V004", changed_rows=500)


@on_server
def test_a_partitioned_table_that_nobody_analyzed_as_a_whole_is_found(tables):
    execute(
        "CREATE TABLE health_p (id integer, n integer, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE health_t PARTITION OF health_p FOR VALUES FROM (0) TO (10000)",
        fill(),
        FLUSH,
        "ANALYZE health_t",
    )
    try:
        found = of_ours("V004", changed_rows=1_000)
        assert set(found) == {"table health_p"}
        mend(found["table health_p"])
        assert not of_ours("V004", changed_rows=1_000)
    finally:
        execute("DROP TABLE health_p")


@on_server
def test_bloat_is_found_until_the_table_is_written_anew(tables):
    make(OFF)
    execute(fill(20_000).replace("SELECT i", "SELECT i + 1000"), FLUSH, "ANALYZE health_t")
    assert not of_ours("V005", bloat_bytes=1_000_000)
    execute("DELETE FROM health_t WHERE id % 4 > 0", FLUSH, "VACUUM ANALYZE health_t")
    finding = of_ours("V005", bloat_bytes=1_000_000)["table health_t"]
    assert finding.value > 1_000_000
    assert finding.confidence == Confidence.MEDIUM
    assert "an estimate from the widths" in finding.reasons[0]
    assert not of_ours("V005", bloat_bytes=1_000_000, bloat_share=0.9)
    mend(finding)
    assert not of_ours("V005", bloat_bytes=1_000_000)


@on_server
def test_updates_that_go_to_new_pages_are_found_until_there_is_room(tables):
    if connection.pg_version < 160000:
        pytest.skip("This version does not count them.")
    make(OFF)
    execute("UPDATE health_t SET body = body || 'y'", FLUSH)
    finding = of_ours("V006", updates=1_000)["table health_t"]
    assert "found no room" in finding.title
    assert not of_ours("V006", updates=1_001)
    mend(finding)
    assert not of_ours("V006", updates=1_000)


@on_server
def test_updates_that_touch_an_index_each_time_are_found(tables):
    make(f"{OFF[:-1]}, fillfactor = 30)")
    execute("CREATE INDEX health_t_n ON health_t (n)")
    execute("UPDATE health_t SET n = n + 1", FLUSH)
    finding = of_ours("V006", updates=1_000)["table health_t"]
    assert "did without a write to its indexes" in finding.title
    assert finding.value == 0
    execute("DROP INDEX health_t_n")
    for _ in range(2):
        execute("VACUUM health_t", "UPDATE health_t SET n = n + 1", FLUSH)
    assert not of_ours("V006", updates=1_000)


def test_quick_growth_is_found_until_it_ends():
    now = get_backend("default").session.now()
    database = get_backend("default").statistics.database_bytes()

    def taken(days_ago, share):
        source = StatisticsSource(name="by hand", now=now - timedelta(days=days_ago))
        relations = {("shelf", ""): int(1_000_000 * share), ("still", ""): 1_000_000}
        keep_sizes(
            "default", Sizes(source=source, database=int(database * share), relations=relations)
        )

    for days_ago in range(60, 9, -10):
        taken(days_ago, 1 - days_ago / 70)
    found = look("V007", growth_bytes=500_000)
    assert set(found) == {"", "table shelf"}
    assert found["table shelf"].value > 1
    assert not look("V007", growth_bytes=10**12)
    assert not look("V007", growth_bytes=500_000, growth_share=5)
    for number in range(28):
        taken(9 - number / 4, 0.9)
    assert not look("V007", growth_bytes=500_000)


def test_without_snapshots_nothing_is_said_of_growth():
    assert not look("V007", growth_bytes=0, growth_share=0)


@on_server
def test_all_checks_of_tables_take_few_statements(tables, django_assert_max_num_queries):
    make()
    # Each check begins a transaction and bounds it; all share one reading of three statements.
    with django_assert_max_num_queries(7 * 4 + 12):
        look(*ALL, bloat_bytes=8192)
