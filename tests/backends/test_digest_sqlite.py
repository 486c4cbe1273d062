"""The checksum on SQLite: storage classes, any text, and the functions of the connection."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from dbhealth.backends import get_backend
from tests.backends.test_digest import TABLE, total

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

VALUES = (
    *("NULL", "1", "1.0", "'1'", "x'31'", "0", "0.0", "''", "x''", "'a'", "'A'", "'a' || char(0)"),
    *("9223372036854775807", "9223372036854775807.0", "9e999", "-9e999", "1e-300", "'1.0'"),
    *("'ä'", "'🦖'", "CAST(x'ff' AS text)", "CAST(x'fe' AS text)", "x'ff'"),
)


def test_every_storage_class_and_every_value_counts(backend, run):
    run(f"CREATE TABLE {TABLE} (value)")
    seen = set()
    for value in VALUES:
        run(f"DELETE FROM {TABLE}", f"INSERT INTO {TABLE} VALUES ({value})")
        seen.add(total(backend))
    assert len(seen) == len(VALUES)


@pytest.mark.parametrize("place", [0, 99, 100, 199, 200, 249])
def test_every_one_of_many_columns_counts(backend, run, place):
    names = [f"c{number}" for number in range(250)]
    run(f"CREATE TABLE {TABLE} ({', '.join(names)})", f"INSERT INTO {TABLE} (c7) VALUES (1)")
    before = total(backend)
    run(f"UPDATE {TABLE} SET c{place} = x'00'")
    assert total(backend) != before


def test_no_converter_comes_between(backend, run):
    """Django's converters would call these two decimals, dates and truths equal."""
    run(f"CREATE TABLE {TABLE} (a decimal, b date, c bool, d datetime)")
    run(f"INSERT INTO {TABLE} VALUES ('x', 'not a date', 'maybe', '2024-01-01 00:00:00')")
    first = total(backend)
    run(f"UPDATE {TABLE} SET d = '2024-01-01 00:00:00.000'")
    assert total(backend) != first


def test_a_new_connection_gets_the_functions_again(backend, transactional_db):
    table = "dbhealth_maintenancerun"
    before = total(backend, table)
    connection.close()
    assert total(backend, table) == before


def test_the_functions_are_given_once_so_that_open_queries_go_on(backend, run):
    run(f"CREATE TABLE {TABLE} (value)")
    run(f"INSERT INTO {TABLE} VALUES (1), (2), (3)")
    expected = total(backend)
    with connection.cursor() as reading:
        reading.execute(f"SELECT value FROM {TABLE}")
        assert reading.fetchone() == (1,)
        assert total(get_backend("default")) == expected
        assert reading.fetchall() == [(2,), (3,)]


PROGRAM = """
from dbhealth.backends.sqlite.digest import _Total
total = _Total()
total.step(1, "ä", None, -1, 2.5, b"x", "interned")
total.step(2**62, "", "a" * 300, 0, -0.0, b"", "interned")
print(total.finalize())
"""


def test_another_process_comes_to_the_same(backend):
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert len(found) == 1
