"""Drift while other sessions build, fail to build, or hold a table: real ones, on PostgreSQL.

Each test leaves the tables as migrate made them.
"""

import json
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from dbhealth.backends import get_backend
from dbhealth.indexes.build_plan import Asked, make_plan
from dbhealth.indexes.drift import Status, drift
from dbhealth.indexes.migration_check import slow_migrations
from dbhealth.indexes.registry import Registry
from dbhealth.indexes.snapshots import snapshot_indexes
from dbhealth.indexes.usage import index_usage
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


@pytest.fixture
def hold(second):
    """Return a function that holds a table from another session until the test has ended."""

    def held(table):
        with second.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    return held


def test_what_a_held_table_of_migrations_may_speak_of_is_not_judged_and_not_made(as_before, hold):
    execute("DROP INDEX book_year")
    hold("django_migrations")
    began = time.monotonic()
    plan = make_plan(get_backend("default"), Asked(tables=(TABLE,)))
    assert time.monotonic() - began < 2
    [entry] = plan.drift.by(Status.UNJUDGED)
    assert entry.name == "book_year"
    assert "It is missing, unless a migration waits" in entry.why
    assert plan.drift.left_out == ("django_migrations",)
    assert (plan.steps, [refusal.code for refusal in plan.refusals]) == ((), ["table-locked"])


def test_where_all_is_as_declared_a_held_table_of_migrations_is_not_asked(hold):
    hold("django_migrations")
    assert drift("default", [TABLE], Registry()).left_out == ()


def test_a_held_table_of_migrations_keeps_the_system_check_for_half_a_second(hold):
    hold("django_migrations")
    began = time.monotonic()
    [message] = slow_migrations(["default"])
    assert time.monotonic() - began < 2
    assert message.id == "dbhealth.W203"


@pytest.mark.parametrize("table", ["dbhealth_indexsnapshot", "dbhealth_trackedindex"])
def test_usage_is_told_without_the_history_while_somebody_holds_it(hold, capsys, table):
    snapshot_indexes("default")
    hold(table)
    began = time.monotonic()
    with pytest.raises(CommandError, match="The history of the indexes is left out") as failed:
        call_command("index_usage", "--database", "default", "--table", TABLE, "--format", "json")
    assert time.monotonic() - began < 2
    assert failed.value.returncode == 1
    [said] = json.loads(capsys.readouterr().out)["databases"].values()
    assert "book_year" in {index["name"] for index in said["indexes"]}
    assert "another session holds tables of dbhealth locked" in said["notes"][0]


def test_in_a_transaction_of_somebody_else_the_history_is_left_out_and_that_one_lives_on(hold):
    snapshot_indexes("default")
    hold("dbhealth_indexsnapshot")
    with transaction.atomic():
        usage = index_usage("default", [TABLE])
        assert Book.objects.count() == 0
    assert len(usage.notes) == 1
    assert usage.indexes


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
