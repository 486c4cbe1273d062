"""How tables stand, on either engine."""

import pytest
from django.db import connection

MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
    "INSERT INTO stood SELECT i, '{}', '2025-01-01' FROM n"
)
ON_SERVER = connection.vendor == "postgresql"


@pytest.fixture
def stood(run, committed) -> str:
    """Make a table of 3,000 rows with an index, analyzed."""
    committed("stood", "(id integer PRIMARY KEY, body text, day date)")
    run("CREATE INDEX stood_day ON stood (day)", MANY.format("x" * 200))
    if ON_SERVER:
        # Else the rows count twice, when VACUUM has seen them and when the session tells of them.
        run("SELECT pg_stat_force_next_flush()", "VACUUM ANALYZE stood")
    else:
        run("ANALYZE stood")
    return "stood"


def condition(backend, name, **options):
    return next(t for t in backend.conditions.report(**options).tables if t.table == name)


def test_rows_and_sizes_are_those_of_the_table(backend, run, stood):
    found = condition(backend, stood)
    size = backend.statistics.relation_size(stood)
    assert found.rows == found.analyzed_rows == 3000
    assert found.index_bytes == size.index_bytes > 0
    assert found.bytes >= 3000 * 200
    assert found.measured
    # PostgreSQL counts two maps beside the table as well, of a few pages.
    assert 0 <= size.total_bytes - found.total_bytes < 100_000
    if not ON_SERVER:
        assert found.total_bytes == size.total_bytes


def test_without_sizes_the_rows_are_known_all_the_same(backend, stood):
    found = condition(backend, stood, sizes=False)
    assert (found.rows, found.analyzed_rows) == (3000, 3000)
    assert not found.measured


@pytest.mark.django_db
def test_a_table_that_nobody_analyzed_says_so(backend, run):
    run("CREATE TABLE fresh (id integer PRIMARY KEY)", "INSERT INTO fresh VALUES (1)")
    assert condition(backend, "fresh").analyzed_rows is None


@pytest.mark.django_db
def test_names_with_every_kind_of_character_are_read(backend, run):
    run('CREATE TABLE "o\'dd %s""t" (id integer PRIMARY KEY)')
    assert condition(backend, "o'dd %s\"t", sizes=False).kind == "table"
    assert condition(backend, "o'dd %s\"t").rows in {0, None}


@pytest.mark.django_db
def test_reading_takes_few_statements_however_many_tables(backend, django_assert_max_num_queries):
    # A timeout inside the test's own transaction takes four more, a savepoint two.
    with django_assert_max_num_queries(9 if ON_SERVER else 4):
        assert len(backend.conditions.report().tables) > 30


@pytest.mark.sqlite
def test_rows_of_a_table_without_rowid_are_counted_in_all_of_its_pages(backend, run, db):
    run(
        "CREATE TABLE keyed (id text PRIMARY KEY, body text) WITHOUT ROWID",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
        "INSERT INTO keyed SELECT hex(randomblob(40)), i FROM n",
    )
    assert condition(backend, "keyed").rows == 2500
    assert condition(backend, "keyed", sizes=False).rows is None


@pytest.mark.sqlite
def test_what_deleted_rows_leave_in_the_pages_of_a_table_is_its_waste(backend, run, stood):
    before = backend.conditions.exact_bloat([condition(backend, stood)], seconds=5)
    run("DELETE FROM stood WHERE id % 3 > 0")
    found = condition(backend, stood)
    [bloat] = backend.conditions.exact_bloat([found], seconds=5)
    assert bloat.wasted_bytes > 2 * before[0].wasted_bytes
    assert bloat.share > 0.1
    assert (bloat.bytes, found.rows) == (found.bytes, 1000)
