"""Rows and tables that others hold locked, statements that take too long, deadlocks."""

import threading
import time

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import override_settings

from tests.moveapp.models import Event
from tests.moveapp.tools import (
    PATIENCE,
    InThread,
    Listener,
    add_events,
    archive,
    exit_code,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
    schema,
    second_session,
    stopped,
    wait_until,
    waiting_sessions,
)

pytestmark = pytest.mark.django_db(transaction=True)
postgresql = pytest.mark.postgresql
sqlite = pytest.mark.sqlite

KEPT = 10**9
HASTY = {"LOCK_TIMEOUT": 0.1, "ARCHIVE_BATCH_FLOOR": 2}


@pytest.fixture
def events():
    keys = add_events(range(1, 41))
    keep_one()
    return keys


@pytest.fixture
def other():
    with second_session() as session:
        yield session


def lock_rows(session, *keys):
    """Leave a transaction open that holds rows locked."""
    session.set_autocommit(False)
    with session.cursor() as cursor:
        listed = ", ".join(map(str, keys))
        cursor.execute(f"SELECT id FROM move_event WHERE id IN ({listed}) FOR UPDATE")


@postgresql
@override_settings(DBHEALTH=HASTY)
def test_locked_rows_are_stepped_over_in_small_batches_and_reported(events, other):
    lock_rows(other, 17, 18, 33)
    listener = Listener()
    result = archive(listener=listener, batch_size=16)
    assert (result["state"], result["rows"], result["rows_left_locked"]) == ("succeeded", 37, 3)
    assert in_source() == [17, 18, 33, KEPT]
    assert last_run().rows_done == 37
    assert last_run().result["rows_left_locked"] == 3
    assert [note for note in listener.notes if note.startswith("lock timeout: trying again with 8")]
    assert min(listener.batches) <= 2
    other.rollback()
    assert archive()["rows"] == 3


@postgresql
@override_settings(DBHEALTH=HASTY | {"LOCK_TIMEOUT": 0.5})
def test_a_lock_that_is_given_back_in_time_costs_a_retry_and_no_row(events, other):
    lock_rows(other, 3)
    listener = Listener()

    def give_back(text):
        other.rollback()

    listener.note = give_back
    result = archive(listener=listener, batch_size=40)
    assert (result["state"], result["rows"], result["rows_left_locked"]) == ("succeeded", 40, 0)


@postgresql
@override_settings(DBHEALTH=HASTY)
def test_a_signal_while_the_batch_waits_interrupts_the_run_and_fails_nothing(events, other):
    lock_rows(other, 11)
    stop, listener = stopped(), Listener()
    stop.reason = None
    listener.note = lambda text: setattr(stop, "reason", "SIGTERM")
    result = archive(listener=listener, stop=stop, batch_size=8)
    assert (result["state"], result["rows"]) == ("interrupted", 8)
    assert last_run().state == "interrupted"
    other.rollback()
    assert archive()["resumed"]
    assert in_source() == [KEPT]


@postgresql
@override_settings(DBHEALTH=HASTY)
def test_a_shared_row_lock_counts_as_a_lock(events, other):
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT id FROM move_event WHERE id = 7 FOR KEY SHARE")
    assert archive(batch_size=4)["rows_left_locked"] == 1
    assert in_source() == [7, KEPT]


@postgresql
@pytest.mark.parametrize("table", ["move_event", "move_event_archive"])
@override_settings(DBHEALTH=HASTY | {"BATCH_RETRIES": 3})
def test_a_table_that_is_locked_during_the_run_fails_it_soon_and_loses_nothing(
    table, events, other
):
    def lock(number):
        if number == 2:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    began = time.monotonic()
    with pytest.raises(OperationalError, match="lock timeout"):
        archive(listener=Listener(lock), batch_size=4)
    assert time.monotonic() - began < 60
    other.rollback()
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", 8)
    assert "lock timeout" in run.error
    assert "Traceback" in run.traceback
    assert in_archive() == events[:8]
    assert archive()["rows"] == 32


@postgresql
@override_settings(DBHEALTH=HASTY)
def test_a_table_that_is_locked_from_the_start_fails_the_command_soon(events, other, capsys):
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE move_event IN ACCESS EXCLUSIVE MODE")
    began = time.monotonic()
    assert exit_code("--table", "move_event", "--table", "move_order") == 1
    assert time.monotonic() - began < 30
    told = " ".join(capsys.readouterr().out.split())
    assert "lock timeout" in told
    assert "succeeded" in told  # the other table
    other.rollback()
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", 0)
    assert "lock timeout" in run.error
    assert archive()["rows"] == 40


@postgresql
@override_settings(DBHEALTH={"STATEMENT_TIMEOUT": 0.4, "ARCHIVE_BATCH_FLOOR": 2})
def test_statements_that_take_too_long_shrink_the_batch(events):
    slow = [
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON move_event_archive "
        "FOR EACH ROW EXECUTE FUNCTION be_slow()",
    ]
    undo = ["DROP TRIGGER slow ON move_event_archive", "DROP FUNCTION be_slow()"]
    listener = Listener()
    with schema(setup=slow, undo=undo):
        result = archive(listener=listener, batch_size=32)
    assert (result["state"], result["rows"]) == ("succeeded", 40)
    assert [note for note in listener.notes if note.startswith("statement timeout")]
    assert max(listener.batches) <= 13
    assert in_archive() == events


@postgresql
def test_a_statement_that_is_too_slow_at_any_size_fails_the_run(events):
    slow = [
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON move_event_archive "
        "FOR EACH ROW EXECUTE FUNCTION be_slow()",
    ]
    undo = ["DROP TRIGGER slow ON move_event_archive", "DROP FUNCTION be_slow()"]
    hasty = {"STATEMENT_TIMEOUT": 0.1, "ARCHIVE_BATCH_FLOOR": 1, "BATCH_RETRIES": 2}
    with (
        schema(setup=slow, undo=undo),
        override_settings(DBHEALTH=hasty),
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        archive(batch_size=4)
    assert last_run().state == "failed"
    assert len(in_source()) == 41


@postgresql
def test_a_deadlock_is_tried_again(events):
    """The batch holds low keys and waits for a high one, whose holder then wants a low one."""
    calm = {"LOCK_TIMEOUT": 20.0, "ARCHIVE_BATCH_FLOOR": 2}
    with override_settings(DBHEALTH=calm), transaction.atomic():
        Event.everything.filter(pk=39).update(payload="mine")
        listener = Listener()
        run = InThread(lambda: archive(listener=listener, batch_size=40))
        wait_until(waiting_sessions, "the batch waits for the row")
        # The batch has waited for longer, so it is the one that finds out and gives way.
        Event.everything.filter(pk=2).update(payload="mine, too")
    result = run.result()
    assert (result["state"], result["rows"]) == ("succeeded", 40)
    assert "deadlock: trying again with 20 rows" in listener.notes
    assert in_archive() == events
    changed = query("SELECT id FROM move_event_archive WHERE payload LIKE 'mine%' ORDER BY id")
    assert changed == [(2,), (39,)]


@postgresql
def test_a_project_at_repeatable_read_loses_nothing(events):
    """Every batch that meets a changed row fails with 40001 and is tried again."""
    batch_done, changed = threading.Event(), threading.Event()

    def wait(number):
        if number == 1:
            batch_done.set()
            assert changed.wait(PATIENCE)

    def at_repeatable_read():
        query("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return archive(listener=Listener(wait), batch_size=10)

    with override_settings(DBHEALTH={"LOCK_TIMEOUT": 20.0}):
        run = InThread(at_repeatable_read)
        assert batch_done.wait(PATIENCE)
        with transaction.atomic():
            Event.everything.filter(pk=15).update(payload="newest")
            Event.everything.filter(pk=16).update(done=False)
            changed.set()
            wait_until(waiting_sessions, "the batch waits for the row")
        result = run.result()
    assert (result["state"], result["rows"]) == ("succeeded", 39)
    assert in_source() == [16, KEPT]
    assert query("SELECT payload FROM move_event_archive WHERE id = 15") == [("newest",)]


@postgresql
def test_a_connection_that_the_server_ends_fails_the_run_and_loses_nothing(events):
    def end(number):
        if number == 2:
            with second_session() as session, session.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid]
                )

    with pytest.raises(DatabaseError):
        archive(listener=Listener(end), batch_size=4)
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", 8)
    assert archive()["rows"] == 32
    assert in_archive() == events


def hold_the_write_lock(session):
    session.ensure_connection()
    session.set_autocommit(False)
    with session.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")


@sqlite
@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1})
def test_another_writer_on_sqlite_is_waited_for_in_more_than_one_try(events, other):
    connection.connection.execute("PRAGMA busy_timeout = 100")
    listener = Listener(lambda number: number == 2 and hold_the_write_lock(other))
    tries = []

    def give_back_later(text):
        tries.append(text)
        if len(tries) == 3:
            other.rollback()

    listener.note = give_back_later
    result = archive(listener=listener, batch_size=4)
    assert (result["state"], result["rows"]) == ("succeeded", 40)
    assert all(text.startswith("lock timeout: trying again") for text in tries)
    assert len(tries) == 3


@sqlite
@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1, "BATCH_RETRIES": 2})
def test_a_writer_on_sqlite_that_never_ends_fails_the_run_soon(events, other):
    connection.connection.execute("PRAGMA busy_timeout = 100")
    listener = Listener(lambda number: number == 2 and hold_the_write_lock(other))
    began = time.monotonic()
    with pytest.raises(OperationalError, match="locked"):
        archive(listener=listener, batch_size=4)
    assert time.monotonic() - began < 60
    assert in_archive() == events[:8]
    assert last_run().rows_done == 8
    other.rollback()
    # Not even its failure could be recorded: it counts as a run of this very process.
    assert last_run().state == "running"


@sqlite
@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1, "BATCH_RETRIES": 2})
def test_a_command_that_finds_sqlite_locked_fails_and_says_so(events, other, capsys):
    connection.connection.execute("PRAGMA busy_timeout = 100")
    hold_the_write_lock(other)
    assert exit_code("--table", "move_event") == 1
    assert "database is locked" in " ".join(capsys.readouterr().out.split())
    other.rollback()
    assert archive()["rows"] == 40


@sqlite
def test_readers_of_sqlite_make_a_batch_wait_for_its_commit_only(events, other):
    """In rollback mode COMMIT waits until nobody reads any more."""
    other.ensure_connection()
    readers = []

    def read(number):
        if number == 2:
            cursor = other.connection.cursor()
            cursor.execute("SELECT id FROM move_event")
            cursor.fetchone()
            readers.append(cursor)

    listener = Listener(read)
    listener.note = lambda text: readers.pop().close()
    connection.connection.execute("PRAGMA busy_timeout = 100")
    result = archive(listener=listener, batch_size=4)
    assert (result["state"], result["rows"]) == ("succeeded", 40)
    assert readers == []
    assert in_archive() == events
