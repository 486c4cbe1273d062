"""Drift while other sessions build, fail to build, or hold a table: real ones, on PostgreSQL.

Each test leaves the tables as migrate made them.
"""

import time

import pytest
from django.db import IntegrityError, connection, connections

from dbhealth.indexes.drift import Status, drift
from dbhealth.indexes.registry import Registry
from tests.indexapp.models import Book, Shelf
from tests.indexes.building import builds
from tests.moveapp.tools import InThread, wait_until
from tests.testapp.raw import execute

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

TABLE = "indexapp_book"


def adrift():
    found = drift("default", [TABLE], Registry())
    return {entry.name: entry for entry in found.entries if entry.status != Status.PRESENT}


@pytest.fixture
def second():
    """Return another session on the default database; what it holds open is rolled back."""
    session = connections["default"].copy()
    yield session
    session.close()


@pytest.fixture
def as_before():
    """Make the indexes of the table anew as they were."""
    before = {
        name: sql
        for name, sql in _definitions().items()
        if name in ("book_state_year", "book_title_year", "book_year")
    }
    yield
    for name in _definitions().keys() - before.keys():
        if name.startswith(("by_hand", "book_year_ccnew")):
            execute(f'DROP INDEX "{name}"')
    execute("DROP INDEX IF EXISTS book_state_year, book_year")
    execute(before["book_state_year"])
    execute(before["book_year"])


def _definitions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [TABLE])
        return dict(cursor.fetchall())


def _two_alike():
    shelf = Shelf.objects.create(code="a")
    for place in (1, 2):
        Book.objects.create(
            isbn=place, title=f"t{place}", state="new", year=2000, place=place, shelf=shelf
        )


def test_an_index_whose_build_failed_is_invalid_under_its_declared_name(as_before):
    _two_alike()
    execute("DROP INDEX book_state_year")
    with pytest.raises(IntegrityError):
        execute("CREATE UNIQUE INDEX CONCURRENTLY book_state_year ON indexapp_book (state, year)")
    [(name, entry)] = adrift().items()
    assert (name, entry.status) == ("book_state_year", "invalid")
    assert entry.declared.name == "book_state_year"
    assert not entry.index.valid
    assert "CONCURRENTLY" in entry.why


def test_an_invalid_index_that_nobody_declares_is_invalid_too(as_before):
    _two_alike()
    with pytest.raises(IntegrityError):
        execute("CREATE UNIQUE INDEX CONCURRENTLY by_hand ON indexapp_book (state)")
    [(name, entry)] = adrift().items()
    assert (name, entry.status, entry.declared) == ("by_hand", "invalid", None)


@pytest.mark.parametrize(
    "statement, name",
    [
        ("CREATE INDEX CONCURRENTLY book_state_year ON indexapp_book (state, year DESC)", None),
        ("CREATE INDEX CONCURRENTLY by_hand ON indexapp_book (state)", "by_hand"),
        ("REINDEX INDEX CONCURRENTLY book_year", "book_year_ccnew"),
    ],
)
def test_an_index_that_a_session_is_making_is_building_and_not_invalid(
    as_before, second, statement, name
):
    if name is None:
        execute("DROP INDEX book_state_year")
    with second.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE indexapp_book IN ROW EXCLUSIVE MODE")
    building = InThread(lambda: execute(statement))
    try:
        wait_until(lambda: any(b.waits_for for b in builds()), "the build waits")
        [(found, entry)] = adrift().items()
    finally:
        second.close()
        building.result()
    assert (found, entry.status) == (name or "book_state_year", "building")
    assert (entry.declared is None) is (name is not None)
    assert set(adrift()) <= {"by_hand"}, "the build ended well"


def test_a_table_that_somebody_holds_is_left_out_by_name_within_two_seconds(second):
    with second.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE indexapp_book IN ACCESS EXCLUSIVE MODE")
    began = time.monotonic()
    found = drift("default", registered=Registry())
    assert time.monotonic() - began < 2
    assert found.left_out == (TABLE,)
    assert TABLE not in {entry.table for entry in found.entries}
    assert {str(entry.status) for entry in found.entries} == {"present"}
    assert found.absent == ()


def test_on_a_server_that_takes_no_writes_only_names_count_where_it_would_have_to_try():
    execute("SET default_transaction_read_only = on")
    try:
        found = drift("default", [TABLE], Registry())
    finally:
        execute("SET default_transaction_read_only = off")
    assert {str(entry.status) for entry in found.entries} == {"present"}
    assert {entry.name for entry in found.entries if "Only its name" in entry.why} == {
        "book_lent",
        "book_isbn_lower",
        "book_cheap",
        "book_upper",
    }
