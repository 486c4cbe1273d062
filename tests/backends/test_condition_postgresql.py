"""What PostgreSQL's own figures say of tables, equal to its views, and had without waiting."""

import time
from operator import attrgetter

import pytest
from django.db import connection

from dbhealth.backends.condition import Due
from tests.backends.test_condition import condition
from tests.moveapp.tools import until_nobody_looks_back

pytestmark = pytest.mark.postgresql

ALONE = "WITH (autovacuum_enabled = off)"
VIEW = """
    SELECT relname, n_live_tup, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum, n_tup_ins,
           n_tup_upd, n_tup_del, n_tup_hot_upd, last_vacuum, last_autovacuum, last_analyze,
           last_autoanalyze, vacuum_count, autovacuum_count, analyze_count, autoanalyze_count,
           heap_blks_read + coalesce(idx_blks_read, 0) + coalesce(toast_blks_read, 0)
           + coalesce(tidx_blks_read, 0),
           heap_blks_hit + coalesce(idx_blks_hit, 0) + coalesce(toast_blks_hit, 0)
           + coalesce(tidx_blks_hit, 0)
      FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, schemaname, relname)
     WHERE relname = 'lived'
"""
of_view = attrgetter(
    *("table", "rows", "dead_rows", "changed_rows", "inserted_rows", "inserts", "updates"),
    *("deletes", "hot_updates", "last_vacuum", "last_autovacuum", "last_analyze"),
    *("last_autoanalyze", "vacuums", "autovacuums", "analyzes", "autoanalyzes"),
    *("blocks_read", "blocks_hit"),
)


@pytest.fixture
def lived(run, committed) -> str:
    """Make a table that has been written in every way, with rows out of line."""
    committed("lived", f"(id integer PRIMARY KEY, day integer, body text) {ALONE}")
    run(
        "ALTER TABLE lived ALTER body SET STORAGE EXTERNAL",
        "INSERT INTO lived SELECT i, i, repeat('x', 3000) FROM generate_series(1, 500) i",
        "SELECT pg_stat_force_next_flush()",  # else the rows count twice, before VACUUM and after
        "VACUUM ANALYZE lived",
        "INSERT INTO lived SELECT i, i, repeat('x', 3000) FROM generate_series(501, 600) i",
        "UPDATE lived SET day = 0 WHERE id < 50",
        "DELETE FROM lived WHERE id > 550",
        "SELECT sum(length(body)) FROM lived WHERE id = 7",
        "SELECT pg_stat_force_next_flush()",
    )
    return "lived"


def test_figures_are_those_of_the_views(backend, run, lived):
    found = condition(backend, lived)
    assert run(VIEW) == [of_view(found)]
    assert found.dead_rows == 99
    assert found.dead_share == pytest.approx(99 / 649)
    assert found.vacuumed_at == found.last_vacuum
    assert found.analyzed_at == found.last_analyze
    assert 0 < found.hit_share <= 1


def test_sizes_are_measured_where_something_has_changed(backend, run, lived):
    found = condition(backend, lived)
    toast = "(SELECT reltoastrelid FROM pg_class WHERE oid = 'lived'::regclass)"
    expected = run(
        f"SELECT pg_relation_size('lived'), pg_relation_size({toast}) "
        f"+ pg_indexes_size({toast}), pg_relation_size('lived_pkey')"
    )
    assert [(found.bytes, found.toast_bytes, found.index_bytes)] == expected
    assert found.toast_bytes > 500 * 3000


def test_ages_are_those_of_the_table_or_of_its_toast_table_whichever_is_older(backend, run, lived):
    def ages():
        return run(
            "SELECT greatest(age(c.relfrozenxid), age(t.relfrozenxid)), "
            "greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid)), age(c.relfrozenxid) "
            "FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relname = 'lived'"
        )[0]

    # The toast table gets older by more than others can count while the ages are read.
    run(*["SELECT pg_current_xact_id()"] * 500)
    until_nobody_looks_back()
    run("VACUUM (FREEZE, PROCESS_TOAST FALSE) lived")
    before, found, after = ages(), condition(backend, lived), ages()
    assert before[0] > after[2]
    # The whole server counts transactions, and others are at work on it.
    assert before[0] <= found.age <= after[0]
    assert before[1] <= found.multixact_age <= after[1]


def test_new_page_updates_are_known_where_the_server_counts_them(backend, run, committed):
    committed("full_pages", f"(id integer, day integer, body text) {ALONE}")
    run(
        "INSERT INTO full_pages SELECT i, i, repeat('x', 700) FROM generate_series(1, 200) i",
        "UPDATE full_pages SET day = 0",
        "SELECT pg_stat_force_next_flush()",
    )
    found = condition(backend, "full_pages")
    assert found.hot_share < 0.2
    if connection.pg_version < 160000:
        assert found.new_page_share is None
    else:
        assert found.new_page_share > 0.8


@pytest.mark.django_db
def test_partitions_stand_for_themselves_and_know_their_parent(backend, run):
    run(
        "CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (1000)",
    )
    whole, low = condition(backend, "parts"), condition(backend, "parts_low")
    assert (whole.kind, whole.autovacuum, whole.age) == ("partitioned table", None, None)
    assert (low.kind, low.parent) == ("table", "parts")


def test_a_held_table_is_named_and_all_but_its_sizes_is_known(backend, run, second, lived):
    try:
        with second.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE lived IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        report = backend.conditions.report()
        guesses = backend.conditions.estimated_bloat(report.tables)
        assert time.monotonic() - began < 5
        with second.cursor() as cursor:
            cursor.execute("ROLLBACK")  # the end of the session alone releases it some time later
    finally:
        second.close()
    found = {table.table: table for table in report.tables}
    assert report.left_out == ("lived",)
    # Other tests may have left statistics of other tables.
    assert "lived" not in {guess.table for guess in guesses}
    assert "lived" in {guess.table for guess in backend.conditions.estimated_bloat(report.tables)}
    assert not found["lived"].measured
    assert found["lived"].dead_rows == 99
    assert found["shop_parcels"].measured


def test_options_of_the_table_come_before_settings_of_the_server(backend, run, committed):
    committed(
        "tuned",
        "(id integer, body text) WITH (autovacuum_vacuum_threshold = 10, "
        "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = -1, "
        "autovacuum_analyze_threshold = 7, autovacuum_freeze_max_age = 100000)",
    )
    found = condition(backend, "tuned").autovacuum
    assert (found.dead, found.inserted, found.changed, found.age) == (10, None, 7, 100_000)
    assert (found.enabled, found.due) == (True, ())
    run("ALTER TABLE tuned SET (autovacuum_enabled = 'fal')")
    assert not condition(backend, "tuned").autovacuum.enabled


def test_a_row_of_average_width_is_as_wide_as_the_table_says(backend, run, committed):
    """Every alignment, NULLs, short and long values: the estimate is near a fresh table's size."""
    committed(
        "wide",
        "(a boolean, b smallint, c text, d bigint, e numeric, f double precision, g text, "
        f"h integer, i timestamptz, j char(7), k text) {ALONE}",
    )
    run(
        "INSERT INTO wide SELECT TRUE, 1, repeat('x', i % 30), i, i, i, repeat('y', 100 + i % 90), "
        "CASE WHEN i % 3 = 0 THEN i END, now(), 'abc', NULL FROM generate_series(1, 20000) i",
        "SELECT pg_stat_force_next_flush()",
        "VACUUM ANALYZE wide",
    )
    [bloat] = backend.conditions.estimated_bloat([condition(backend, "wide")])
    assert bloat.bytes == run("SELECT pg_relation_size('wide')")[0][0]
    assert bloat.share < 0.06
    assert not bloat.exact
    run(
        "DELETE FROM wide WHERE d % 4 > 0",
        "SELECT pg_stat_force_next_flush()",
        "VACUUM ANALYZE wide",
    )
    [bloat] = backend.conditions.estimated_bloat([condition(backend, "wide")])
    assert 0.7 < bloat.share < 0.8


def test_pgstattuple_measures_what_the_estimate_guesses(backend, run, committed):
    committed("wide", f"(id integer, body text) {ALONE}")
    run(
        "CREATE EXTENSION pgstattuple",
        "INSERT INTO wide SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i",
        "DELETE FROM wide WHERE id % 2 = 0",
        "SELECT pg_stat_force_next_flush()",
        "VACUUM ANALYZE wide",
    )
    table = condition(backend, "wide")
    try:
        [exact] = backend.conditions.exact_bloat([table], seconds=5)
        none = backend.conditions.exact_bloat([table], seconds=0)
    finally:
        run("DROP EXTENSION pgstattuple")
    [guess] = backend.conditions.estimated_bloat([table])
    assert (exact.exact, exact.bytes, none) == (True, guess.bytes, ())
    assert exact.wasted_bytes == pytest.approx(guess.wasted_bytes, rel=0.06)
    assert backend.conditions.exact_bloat([table], seconds=5) == ()


def test_where_autovacuum_is_due_it_says_why(backend, run, lived):
    run("DELETE FROM lived WHERE id <= 400", "SELECT pg_stat_force_next_flush()")
    assert condition(backend, lived).autovacuum.due == ()  # it is switched off
    run("ALTER TABLE lived RESET (autovacuum_enabled)")
    found = condition(backend, lived).autovacuum
    assert {Due.DEAD, Due.CHANGED, Due.TOAST} <= set(found.due)
    assert found.vacuum_due
    assert found.analyze_due
