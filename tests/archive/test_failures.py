"""What an operator reads when the database ends a verb: sentences first, the driver's text last."""

import pytest
from django.db import connection
from django.test import override_settings

from dbhealth.archive.api import archive_tables
from dbhealth.archive.execute import TableRun
from dbhealth.archive.plan import Asked
from dbhealth.archive.purge_api import purge_tables
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.registry import find
from dbhealth.runs.circumstances import Circumstances
from tests.moveapp.purging import DECADE, TABLE, add_archived, keep_some, last_purge
from tests.moveapp.tools import (
    Listener,
    add_events,
    archive,
    in_archive,
    keep_one,
    last_run,
    query,
    schema,
    second_session,
)

pytestmark = pytest.mark.django_db(transaction=True)

IMPATIENT = {"LOCK_TIMEOUT": 0.05, "BATCH_RETRIES": 1, "ARCHIVE_BATCH_FLOOR": 2}


@pytest.fixture
def events():
    add_events(range(1, 13))
    keep_one()


@pytest.fixture
def other():
    with second_session() as session:
        yield session


def hold(session, table, mode="IMMEDIATE"):
    """Leave a transaction open that keeps everybody from writing the table.

    ``mode`` "EXCLUSIVE" keeps them from reading it as well.
    """
    session.ensure_connection()
    session.set_autocommit(False)
    with session.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"BEGIN {mode}")
        else:
            level = "ACCESS EXCLUSIVE" if mode == "EXCLUSIVE" else "EXCLUSIVE"
            cursor.execute(f"LOCK TABLE {table} IN {level} MODE")


def after(batches, act):
    return Listener(lambda number: number == batches and act())


def assert_told(error, *parts):
    """Fail unless the parts stand there in this order, and no statement's text behind them."""
    places = [error.find(part) for part in parts]
    assert -1 not in places, error
    assert places == sorted(places), error
    assert "\n" not in error
    assert "LINE 1" not in error


HELD = ("Lock timeout. Somebody else held a lock", "(LOCK_TIMEOUT is 0.05 s, BATCH_RETRIES is 1)")
KEPT = "Nothing of the batch at work was kept, and everything before it was."
AGAIN = "Call it again when that is settled: it does what is left."
WHO = {
    "sqlite": ("another process has the file open", "OperationalError: database is locked"),
    "postgresql": ("pg_blocking_pids", "canceling statement due to lock timeout"),
}


def who():
    hint, said = WHO[connection.vendor]
    return hint, AGAIN, "The database said: ", said


@override_settings(DBHEALTH=IMPATIENT)
def test_a_lock_that_ends_a_run_is_explained_in_the_result(events, other):
    listener = after(2, lambda: hold(other, "move_event_archive"))
    chosen = [(find("move_event"), "default")]
    around = Circumstances(progress=listener)
    (entry,) = archive_tables(chosen, Asked(batch_size=4), circumstances=around)["tables"].values()
    assert entry["state"] == "failed"
    assert_told(entry["error"], *HELD, KEPT, *who())
    other.rollback()
    assert in_archive() == list(range(1, 9))


@pytest.mark.postgresql
@override_settings(DBHEALTH=IMPATIENT)
def test_the_run_log_has_the_same_sentences(events, other):
    listener = after(2, lambda: hold(other, "move_event_archive"))
    run = TableRun(
        find("move_event"), "default", Asked(batch_size=4), Circumstances(progress=listener)
    )
    with pytest.raises(Exception, match="lock timeout"):
        run.execute()
    assert run.result["error"] == last_run().error
    assert_told(last_run().error, *HELD, KEPT, *who())
    assert "Traceback" in last_run().traceback


@override_settings(DBHEALTH=IMPATIENT)
def test_a_lock_that_ends_a_purge_is_explained_as_well(other):
    add_archived(range(1, 13))
    keep_some()
    listener = after(1, lambda: hold(other, TABLE))
    asked = PurgeAsked(older_than=DECADE, batch_size=4)
    around = Circumstances(progress=listener)
    (entry,) = purge_tables([(find("move_event"), "default")], asked, circumstances=around)[
        "tables"
    ].values()
    assert_told(entry["error"], *HELD, KEPT, *who())
    assert last_purge().rows_done == 4


def test_a_connection_that_cannot_be_used_is_no_lock(events):
    """A session that is read-only says so, and that nothing was touched."""
    setting = "default_transaction_read_only"
    on_sqlite = connection.vendor == "sqlite"
    query("PRAGMA query_only = on" if on_sqlite else f"SET {setting} = on")
    try:
        result = archive_tables([(find("move_event"), "default")], Asked())["tables"]["move_event"]
    finally:
        query("PRAGMA query_only = off" if on_sqlite else f"SET {setting} = off")
    assert_told(result["error"], "Read-only. The database takes no writes", "No row was touched.")
    assert archive()["rows"] == 12


def test_an_error_that_nobody_knows_keeps_its_kind_and_its_text(events):
    with schema(
        setup=["ALTER TABLE move_event_archive RENAME COLUMN archived_at TO moment"],
        undo=["ALTER TABLE move_event_archive RENAME COLUMN moment TO archived_at"],
    ):
        result = archive_tables([(find("move_event"), "default")], Asked())["tables"]["move_event"]
    assert result["state"] == "failed"
    assert result["error"].startswith(("OperationalError: ", "ProgrammingError: "))
    assert "archived_at" in result["error"]


@override_settings(DBHEALTH=IMPATIENT)
def test_a_dry_run_that_meets_a_lock_says_it_in_the_same_words(events, other):
    if connection.vendor == "sqlite":
        query("PRAGMA busy_timeout = 50")
    hold(other, "move_event", "EXCLUSIVE")
    chosen = [(find("move_event"), "default")]
    result = archive_tables(chosen, Asked(), dry_run=True)["tables"]["move_event"]
    assert result["state"] == "failed"
    assert_told(result["error"], *HELD, "No row was touched.", *who())
