"""The checksum on PostgreSQL: to the bit, and whatever the session is set to."""

import pytest
from django.db import NotSupportedError, connection

from dbhealth.backends.records import Column
from tests.backends.test_digest import TABLE, total

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

TYPES = {
    "smallint": ("0", "-1", "1"),
    "bigint": ("0", "1", "4294967296", "-1", "4294967295"),
    "numeric": ("1", "1.0", "1.00", "0", "'NaN'", "'infinity'"),
    "numeric(12,3)": ("1", "1.001"),
    "real": ("0", "'-0'", "'NaN'", "0.1", "'infinity'"),
    "double precision": ("0", "'-0'", "'NaN'", "0.1", "0.1::float8 + 1e-17", "0.30000000000000004"),
    "boolean": ("TRUE", "FALSE"),
    '"char"': ("'a'", "'b'"),
    "character(5)": ("'a'", "'A'", "''"),
    "text": ("''", "' '", "'a'", "'A'", "'a '"),
    "bytea": ("''", "'\\x00'", "'\\x0000'", "'a'"),
    "date": ("'2024-02-29'", "'infinity'", "'-infinity'", "'4713-01-01 BC'"),
    "time(3)": ("'00:00'", "'24:00'", "'12:00:00.001'"),
    "time with time zone": ("'12:00+00'", "'13:00+01'"),
    "timestamp without time zone": ("'2024-02-29 12:00'", "'2024-02-29 12:00:00.000001'"),
    "timestamp(3) with time zone": ("'2024-02-29 12:00+00'", "'2024-02-29 12:00+01'", "'infinity'"),
    "interval": ("'1 day'", "'24 hours'", "'1 month'", "'30 days'"),
    "interval day to second(3)": ("'1 day'", "'24 hours'"),
    "uuid": ("'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'"),
    "json": ("'{}'", "'{ }'", "'[1]'", "'[1.0]'", "'null'"),
    "jsonb": ("'{}'", "'[1]'", "'[1.0]'", "'[\"1\"]'", "'null'"),
    "inet": ("'10.0.0.1'", "'10.0.0.1/8'", "'::1'"),
    "money": ("1", "1.01"),
    "bit varying": ("'0'", "'00'", "'1'"),
    "point": ("'(0,0)'", "'(0,1)'", "'(0,1e-300)'"),
    "circle": ("'<(0,0),1>'", "'<(0,0),2>'"),
    "integer[]": ("'{}'", "'{1}'", "'{NULL}'", "'{{1}}'", "'[0:0]={1}'"),
    "text[]": ("'{}'", "'{\"\"}'", "'{NULL}'", "'{\"NULL\"}'", "'{a,b}'", "'{\"a,b\"}'"),
    "double precision[]": ("'{0}'", "'{-0}'"),
    "timestamp with time zone[]": ("'{2024-02-29 12:00+00}'", "'{2024-02-29 12:00+01}'"),
    "int4range": ("'empty'", "'[1,2)'", "'[1,)'"),
    "numrange": ("'[1,2)'", "'[1,2]'", "'[1.0,2)'"),
    "tstzrange": ("'empty'", "'[2024-02-29 12:00+00,)'", "'(2024-02-29 12:00+00,)'"),
    "tstzmultirange": ("'{}'", "'{[2024-02-29 12:00+00,)}'"),
    "tsvector": ("''", "'a:1'", "'a:2'"),
}

SETTINGS = {
    "TimeZone": "America/St_Johns",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "lc_monetary": "C",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
}


@pytest.fixture
def column(run):
    """Return a function that makes the table with one column of a type, filled with values."""

    def make(kind, *values):
        run(
            f"DROP TABLE IF EXISTS {TABLE}",
            f"CREATE TABLE {TABLE} (value {kind})",
            *(f"INSERT INTO {TABLE} VALUES ({value})" for value in values),
        )

    return make


@pytest.mark.parametrize("kind", TYPES)
def test_values_of_a_type_differ_from_each_other_and_from_null(backend, column, kind):
    totals = []
    for value in (*TYPES[kind], "NULL"):
        column(kind, value)
        totals.append(total(backend))
    assert len(set(totals)) == len(totals)


def test_no_setting_of_the_session_counts(backend, run):
    names = [f"c{place}" for place in range(len(TYPES))]
    pairs = list(zip(names, TYPES.items(), strict=True))
    run(f"CREATE TABLE {TABLE} ({', '.join(f'{name} {kind}' for name, (kind, _) in pairs)})")
    for name, (_, values) in pairs:
        run(*(f"INSERT INTO {TABLE} ({name}) VALUES ({value})" for value in values))
    run(f"INSERT INTO {TABLE} (c9) VALUES ('ä € 🦖')")
    columns = backend.catalog.columns(TABLE)
    before = total(backend, columns=columns)
    shown = run(f"SELECT {TABLE}::text FROM {TABLE}")
    for name, value in SETTINGS.items():
        run(f"SET LOCAL {name} = '{value}'")
        assert total(backend, columns=columns) == before, name
    run("SET LOCAL client_encoding = 'UTF8'")
    assert run(f"SELECT {TABLE}::text FROM {TABLE}") != shown, "the settings do count elsewhere"


def test_texts_that_a_collation_calls_equal_differ(backend, run):
    try:
        run(
            "CREATE COLLATION blind "
            "(provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
        )
    except NotSupportedError:
        pytest.skip("This server was built without ICU, so no collation calls texts equal.")
    run(f"CREATE TABLE {TABLE} (value text COLLATE blind)")
    totals = set()
    for value in ("a", "A", "á"):
        run(f"DELETE FROM {TABLE}", f"INSERT INTO {TABLE} VALUES ('{value}')")
        assert run(f"SELECT count(*) FROM {TABLE} WHERE value = 'a'") == [(1,)]
        totals.add(total(backend))
    assert len(totals) == 3


def test_a_value_counts_as_what_it_is_converted_to(backend, run):
    """Tables that Django did not make may have other types than their archives."""
    run(
        f"CREATE TABLE {TABLE} (a integer, b text, c timestamp, d numeric, e varchar(9))",
        "CREATE TABLE kept (a bigint, b varchar(9), c timestamptz, d numeric(9, 2), e text)",
        f"INSERT INTO {TABLE} VALUES (1, 'x', '2024-02-29', 1.005, 'y'), (NULL, NULL, NULL, 2, '')",
        f"INSERT INTO kept SELECT * FROM {TABLE}",
    )
    source, kept = backend.catalog.columns(TABLE), backend.catalog.columns("kept")
    assert total(backend, columns=source, stored_as=kept) == total(backend, "kept")
    assert total(backend) != total(backend, "kept")


def test_types_of_a_project_count_by_their_text(backend, run):
    run(
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE DOMAIN mail AS text",
        "CREATE TYPE pair AS (a int, b text)",
        f"CREATE TABLE {TABLE} (m mood, d mail, p pair, ms mood[])",
        f"INSERT INTO {TABLE} VALUES ('sad', 'x', (1, 'y'), '{{sad}}')",
    )
    seen = {total(backend)}
    for change in ("m = 'glad'", "d = 'z'", "p = (2, 'y')", "ms = '{sad,glad}'"):
        run(f"UPDATE {TABLE} SET {change}")
        seen.add(total(backend))
    assert len(seen) == 5


def test_two_rows_that_swap_a_value_of_any_type_are_noticed(backend, run):
    """hash_array and hash_record only add up what their parts come to."""
    run(f"CREATE TABLE {TABLE} (a date, b date)")
    run(f"INSERT INTO {TABLE} VALUES ('2024-01-01', '2024-01-02'), ('2024-01-03', '2024-01-04')")
    first = total(backend)
    run(f"DELETE FROM {TABLE}")
    run(f"INSERT INTO {TABLE} VALUES ('2024-01-03', '2024-01-02'), ('2024-01-01', '2024-01-04')")
    assert total(backend) != first


def test_values_out_of_line_count_whole(backend, column, run):
    column("text", "repeat('x', 1000000) || 'a'")
    first = total(backend)
    run(f"ALTER TABLE {TABLE} ALTER value SET STORAGE EXTERNAL")
    run(f"UPDATE {TABLE} SET value = value || ''")
    assert total(backend) == first
    run(f"UPDATE {TABLE} SET value = overlay(value placing 'y' from 500000)")
    assert total(backend) != first


def test_a_row_is_one_number_of_64_bits(backend, column):
    column("bigint", "1", "2", "3")
    columns = (Column(name="value", type="bigint", nullable=True, generated=False),)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_typeof({backend.digest.row(TABLE, columns)}) FROM {TABLE}")
        assert cursor.fetchall() == [("bigint",)] * 3
