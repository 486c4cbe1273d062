"""index_usage beside what PostgreSQL really makes: what must stay, what only looks different."""

import pytest
from django.db import connection

from dbhealth.backends import get_backend
from dbhealth.indexes.snapshots import snapshot_indexes
from dbhealth.indexes.usage import index_usage
from tests.testapp.raw import execute

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def found(*tables):
    """Return the indexes of some tables by their names."""
    return {item.subject.index.name: item for item in index_usage("default", tables).indexes}


def codes(item):
    """Return the codes of the verdicts."""
    return {str(verdict.code) for verdict in item.verdicts}


def test_what_postgresql_would_not_let_go_is_not_called_unused():
    execute(
        "CREATE TABLE usage_rooms (id int PRIMARY KEY, booked tsrange, code int UNIQUE NOT NULL, "
        "floor int NOT NULL, CONSTRAINT apart EXCLUDE USING gist (booked WITH &&))"
    )
    execute("CREATE UNIQUE INDEX rooms_floor ON usage_rooms (floor)")
    execute("CREATE UNIQUE INDEX rooms_identity ON usage_rooms (floor, code)")
    execute("ALTER TABLE usage_rooms REPLICA IDENTITY USING INDEX rooms_identity")
    execute("CREATE INDEX rooms_idle ON usage_rooms (code, booked)")
    indexes = found("usage_rooms")
    assert {name for name, item in indexes.items() if codes(item)} == {"rooms_idle"}
    assert "exclusion constraint apart" in indexes["apart"].stays
    assert "unique" in indexes["rooms_floor"].stays
    assert all(item.subject.use.scans == 0 for item in indexes.values())


def test_the_target_of_a_foreign_key_stays_and_its_duplicate_goes():
    execute("CREATE TABLE usage_codes (id int PRIMARY KEY, code int)")
    execute("CREATE UNIQUE INDEX codes_aimed_at ON usage_codes (code)")
    execute("CREATE TABLE usage_aims (code int REFERENCES usage_codes (code))")
    execute("CREATE UNIQUE INDEX codes_again ON usage_codes (code)")
    indexes = found("usage_codes")
    assert codes(indexes["codes_aimed_at"]) == set()
    assert codes(indexes["codes_again"]) == {"duplicate"}


def test_the_part_of_a_partitioned_index_is_judged_with_the_whole():
    execute("CREATE TABLE usage_days (day date, n int) PARTITION BY RANGE (day)")
    bounds = "FOR VALUES FROM (MINVALUE) TO ('2026-01-01')"
    execute(f"CREATE TABLE usage_days_1 PARTITION OF usage_days {bounds}")
    execute("CREATE INDEX days_n ON usage_days (n)")
    indexes = found("usage_days", "usage_days_1")
    child = next(item for item in indexes.values() if item.subject.index.table == "usage_days_1")
    assert (codes(child), codes(indexes["days_n"])) == (set(), {"unused"})
    assert "partitioned table" in child.stays


def test_equal_conditions_are_equal_whatever_the_names_of_the_indexes():
    execute("CREATE TABLE usage_some (a int, b int)")
    execute("CREATE INDEX short ON usage_some (a) WHERE b IS NOT NULL AND a > 3")
    execute("CREATE INDEX a_much_longer_name ON usage_some (a) WHERE b IS NOT NULL AND a > 3")
    assert "duplicate" in codes(found("usage_some")["short"])


def test_order_collation_and_operator_class_make_a_difference():
    execute("CREATE TABLE usage_texts (a text, b int)")
    for number, keys in enumerate(("a", "a DESC", 'a COLLATE "C"', "a text_pattern_ops")):
        execute(f"CREATE INDEX texts_{number} ON usage_texts ({keys})")
    assert all(codes(item) == {"unused"} for item in found("usage_texts").values())


def test_stored_columns_are_no_keys():
    execute("CREATE TABLE usage_wide (a int, b int, c int)")
    execute("CREATE INDEX wide_stored ON usage_wide (a) INCLUDE (b)")
    execute("CREATE INDEX wide_plain ON usage_wide (a)")
    execute("CREATE INDEX wide_c ON usage_wide (a, c)")
    indexes = found("usage_wide")
    assert "covered" in codes(indexes["wide_plain"])
    assert not codes(indexes["wide_stored"]) & {"duplicate", "covered"}
    assert not codes(indexes["wide_c"]) & {"duplicate", "covered"}


def test_an_invalid_index_is_to_be_built_again_where_it_is_declared():
    execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'book_state_year'::regclass")
    [verdict] = found("indexapp_book")["book_state_year"].verdicts
    assert (verdict.code, verdict.level) == ("invalid", "error")
    assert "init_indexes" in verdict.change
    assert verdict.sql == 'REINDEX INDEX CONCURRENTLY "book_state_year";'


def test_what_a_like_index_asks_for_is_in_its_verdict():
    index = next(
        item
        for item in found("indexapp_shelf").values()
        if item.subject.owner and item.subject.owner.kind == "_like"
    )
    [verdict] = index.verdicts
    assert "has no switch for it" in verdict.change
    assert verdict.sql.startswith("DROP INDEX CONCURRENTLY")


@pytest.mark.django_db(transaction=True)
def test_scans_and_readings_of_a_table_are_those_of_the_server():
    execute("CREATE TABLE usage_read (a int, b int)")
    try:
        execute("INSERT INTO usage_read SELECT n, n FROM generate_series(1, 12000) n")
        execute("CREATE INDEX read_a ON usage_read (a)")
        execute("ANALYZE usage_read")
        with connection.cursor() as cursor:
            for number in range(100):
                cursor.execute("SELECT count(*) FROM usage_read WHERE b = %s", [number])
            cursor.execute("SET enable_seqscan = off")
            for number in range(25):
                cursor.execute("SELECT b FROM usage_read WHERE a = %s", [number + 1])
            cursor.execute("RESET enable_seqscan")
            cursor.execute("SELECT pg_stat_force_next_flush()")
        usage = index_usage("default", ["usage_read"])
        [item] = usage.indexes
        assert item.subject.use.scans == 25
        assert item.subject.use.rows_read == 25
        assert 0.15 < item.subject.share < 0.2, "25 of 125, and what making the index has read"
        assert codes(item) == set()
        [lack] = usage.missing
        assert (lack.code, lack.table) == ("sequential-reads", "usage_read")
        assert "rows in all, 12,000 of" in lack.why
        last = item.subject.use.last_scan
        assert (last is not None) is (connection.pg_version >= 160000)
        assert usage.source.now >= (last or usage.source.now)
    finally:
        execute("DROP TABLE usage_read")


def test_bloat_is_measured_where_pgstattuple_is_installed(monkeypatch):
    monkeypatch.setattr("dbhealth.indexes.usage.WASTED_BYTES", 50_000)
    monkeypatch.setattr("dbhealth.indexes.verdict_state.WASTED_BYTES", 50_000)
    execute("CREATE TABLE usage_bloat (a int) WITH (autovacuum_enabled = off)")
    execute("INSERT INTO usage_bloat SELECT n FROM generate_series(1, 20000) n")
    execute("CREATE INDEX bloat_a ON usage_bloat (a)")
    execute("DELETE FROM usage_bloat WHERE a % 10 > 0")
    execute("ANALYZE usage_bloat")
    [verdict] = [v for v in found("usage_bloat")["bloat_a"].verdicts if v.code == "bloated"]
    backend = get_backend("default")
    [index] = backend.indexes.catalogue(["usage_bloat"]).indexes
    measured = backend.use.exact_bloat([index], seconds=5)
    assert verdict.confidence == ("high" if measured else "medium")
    assert verdict.sql == 'REINDEX INDEX CONCURRENTLY "bloat_a";'


@pytest.fixture
def crowded():
    """Make two bloated indexes, install what reads them, and keep two snapshots."""
    execute("CREATE EXTENSION pgstattuple")
    execute("CREATE TABLE usage_crowd (a int, b int) WITH (autovacuum_enabled = off)")
    execute("INSERT INTO usage_crowd SELECT n, n FROM generate_series(1, 20000) n")
    execute("CREATE INDEX crowd_a ON usage_crowd (a)")
    execute("CREATE INDEX crowd_b ON usage_crowd (b)")
    execute("DELETE FROM usage_crowd WHERE a % 10 > 0")
    execute("VACUUM ANALYZE usage_crowd")
    for _ in range(2):
        snapshot_indexes("default")
    yield
    execute("DROP TABLE usage_crowd")
    execute("DROP EXTENSION pgstattuple")


@pytest.mark.django_db(transaction=True)
def test_history_and_bloat_that_is_measured_need_twelve_messages_to_the_server(
    crowded, monkeypatch
):
    monkeypatch.setattr("dbhealth.indexes.usage.WASTED_BYTES", 50_000)
    monkeypatch.setattr("dbhealth.indexes.verdict_state.WASTED_BYTES", 50_000)
    sent = []

    def counted(send, sql, *rest):
        sent.append(sql)
        return send(sql, *rest)

    with connection.execute_wrapper(counted):
        usage = index_usage("default")
    assert any("dbhealth_trackedindex" in sql for sql in sent)
    measured = {
        item.subject.index.name
        for item in usage.indexes
        for verdict in item.verdicts
        if verdict.code == "bloated" and verdict.confidence == "high"
    }
    assert measured == {"crowd_a", "crowd_b"}
    assert len(sent) <= 12
