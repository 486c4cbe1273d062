"""What is said of the use of indexes on both engines, and what SQLite knows of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dbhealth.backends.index_records import UseReport

MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
    "INSERT INTO measured SELECT i, i % 10, CASE WHEN i % 4 = 0 THEN i END FROM n"
)


def use_of(report: UseReport, name: str):
    return next(use for use in report.indexes if use.name == name)


def table_of(report: UseReport, name: str):
    return next(table for table in report.tables if table.table == name)


def facts_of(report: UseReport, table: str):
    return {facts.column: facts for facts in report.columns if facts.table == table}


@pytest.fixture
def measured(run, db):
    """Make a table of 3,000 rows: ten kinds, three quarters of the numbers NULL."""
    run(
        "CREATE TABLE measured (id integer PRIMARY KEY, kind integer, number integer)",
        "CREATE INDEX measured_kind ON measured (kind, number)",
        "CREATE INDEX measured_number ON measured (number)",
        "CREATE INDEX measured_some ON measured (id) WHERE kind = 1",
        MANY,
        "ANALYZE measured",
    )


@pytest.mark.django_db
def test_every_index_and_every_table_is_in_the_report(backend):
    report = backend.use.report()
    assert {use.table for use in report.indexes} <= {table.table for table in report.tables}
    assert {table.table for table in report.tables} == set(backend.catalog.tables())
    assert len({(use.table, use.name) for use in report.indexes}) == len(report.indexes)
    assert report.left_out == ()
    assert report.source.now.utcoffset().total_seconds() == 0


def test_the_report_takes_at_most_five_statements(backend, measured):
    with CaptureQueriesContext(connection) as queries:
        backend.use.report()
    ours = [query["sql"] for query in queries if "dbhealth" in query["sql"]]
    # Inside a transaction a timeout is set before a statement and put back after it.
    assert len([sql for sql in ours if "_setting(" not in sql and "set_config(" not in sql]) <= 5


def test_column_facts_are_those_that_the_rows_have(backend, measured):
    facts = facts_of(backend.use.report(), "measured")
    assert facts["kind"].distinct == 10
    if connection.vendor == "postgresql":
        assert facts["number"].null_share == pytest.approx(0.75, abs=0.01)
    assert table_of(backend.use.report(), "measured").rows == 3000
    assert use_of(backend.use.report(), "measured_some").entries == pytest.approx(300, abs=30)
    without = backend.use.report(columns=False)
    assert (without.columns, without.foreign_keys) == ((), ())


@pytest.mark.django_db
def test_the_foreign_keys_are_those_that_each_table_is_referenced_by(backend, run):
    run(
        "CREATE TABLE upper (a integer, b integer, PRIMARY KEY (a, b))",
        "CREATE TABLE lower (id integer PRIMARY KEY, x integer, y integer, "
        "parent integer REFERENCES lower ON DELETE CASCADE, "
        "FOREIGN KEY (y, x) REFERENCES upper (b, a) ON DELETE SET NULL)"
        if connection.vendor == "sqlite"
        else "CREATE TABLE lower (id integer PRIMARY KEY, x integer, y integer, "
        "parent integer REFERENCES lower ON DELETE CASCADE, "
        "FOREIGN KEY (x, y) REFERENCES upper ON DELETE SET NULL)",
    )
    found = backend.use.report().foreign_keys
    tables = backend.catalog.tables()
    expected = [key for table in tables for key in backend.catalog.referencing(table)]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    own = {key.target: key for key in found if key.table == "lower"}
    assert own["lower"].target_columns == ("id",)
    assert own["lower"].on_delete == "CASCADE"
    assert dict(zip(own["upper"].columns, own["upper"].target_columns, strict=True)) == {
        "x": "a",
        "y": "b",
    }


@pytest.mark.sqlite
def test_sizes_are_those_of_dbstat(backend, run, measured):
    report = backend.use.report()
    pages = dict(run("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"))
    assert use_of(report, "measured_kind").bytes == pages["measured_kind"]
    assert table_of(report, "measured").bytes == pages["measured"]
    assert use_of(report, "measured_kind").bytes > 3000 * 4


@pytest.mark.sqlite
def test_of_scans_sqlite_says_that_it_does_not_know(backend, run, measured):
    run("SELECT * FROM measured WHERE number = 8")
    report = backend.use.report()
    assert use_of(report, "measured_number").scans is None
    assert table_of(report, "measured").sequential_scans is None
    assert report.source.name == "sqlite_stat1"


@pytest.mark.sqlite
def test_without_analyze_there_are_names_and_sizes(backend, run, measured):
    run("DROP TABLE sqlite_stat1", "DROP TABLE IF EXISTS sqlite_stat4")
    report = backend.use.report()
    assert report.columns == ()
    assert table_of(report, "measured").rows is None
    assert use_of(report, "measured_kind").bytes > 0
    assert report.source.name == "no statistics (ANALYZE never ran)"


@pytest.mark.sqlite
def test_samples_of_a_build_that_takes_some_tell_how_many_rows_are_null(backend, run, measured):
    """A file goes from build to build; most builds take no samples, hence the way around."""
    run(
        "DROP TABLE IF EXISTS sqlite_stat4",
        "CREATE TABLE samples (tbl, idx, neq, nlt, ndlt, sample)",
        # Two records: a row number after NULL, and one after the number 8.
        "INSERT INTO samples VALUES ('measured', 'measured_number', '2250 1', '0 0', '0 0', "
        "x'03000101'), ('measured', 'measured_number', '1 1', '2251 2251', '2 2', x'0301010808')",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET name = 'sqlite_stat4', tbl_name = 'sqlite_stat4', "
        "sql = replace(sql, 'samples', 'sqlite_stat4') WHERE name = 'samples'",
        "PRAGMA writable_schema = RESET",
    )
    facts = facts_of(backend.use.report(), "measured")
    assert facts["number"].null_share == 0.75
    assert facts["kind"].null_share is None


@pytest.mark.sqlite
def test_a_file_that_is_too_large_to_read_whole_has_no_sizes(backend, measured, monkeypatch):
    monkeypatch.setattr("dbhealth.backends.sqlite.index_use.LARGEST_FILE", 4096)
    report = backend.use.report()
    assert use_of(report, "measured_kind").bytes is None
    assert facts_of(report, "measured")["kind"].distinct == 10


@pytest.mark.sqlite
def test_bytes_that_rows_left_behind_are_waste(backend, run, measured):
    every = backend.indexes.catalogue(["measured"]).indexes
    indexes = [index for index in every if index.name == "measured_kind"]
    (before,) = backend.use.exact_bloat(indexes, seconds=1)
    run("DELETE FROM measured WHERE id % 3 > 0")
    (after,) = backend.use.exact_bloat(indexes, seconds=1)
    assert after.bytes == use_of(backend.use.report(), "measured_kind").bytes
    assert after.wasted_bytes / after.bytes > 0.5 > before.wasted_bytes / before.bytes
    assert after.exact
    assert backend.use.estimated_bloat(indexes, backend.use.report()) == ()
