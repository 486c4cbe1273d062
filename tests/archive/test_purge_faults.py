"""Triggers, locks, other sessions and other verbs while an archive is purged."""

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import override_settings

from dbhealth.archive import restore
from dbhealth.exceptions import (
    ConstraintViolated,
    CountMismatch,
    LostOwnership,
    Refused,
    SchemaChanged,
)
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import EventArchive
from tests.moveapp.purging import (
    TABLE,
    add_archived,
    keep_some,
    last_purge,
    old_ones,
    purging,
)
from tests.moveapp.tools import (
    InThread,
    Listener,
    add_events,
    ago,
    archive,
    in_source,
    query,
    schema,
    second_session,
    wait_until,
    waiting_sessions,
)

pytestmark = pytest.mark.django_db(transaction=True)
postgresql = pytest.mark.postgresql
sqlite = pytest.mark.sqlite

HASTY = {"LOCK_TIMEOUT": 0.1, "ARCHIVE_BATCH_FLOOR": 2, "BATCH_RETRIES": 3}
PATIENT = {"LOCK_TIMEOUT": 20.0, "STATEMENT_TIMEOUT": 25.0}


@pytest.fixture
def rows():
    keys = add_archived(range(1, 13), run=11)
    keep_some()
    return keys


@pytest.fixture
def other():
    with second_session() as session:
        yield session


def after(number, act):
    """Return somebody who acts once, after so many batches."""
    return Listener(lambda batch: batch == number and act())


def assert_failed_after(done, error):
    run = last_purge()
    assert (run.state, run.rows_done) == ("failed", done)
    assert run.error.startswith(error)
    assert run.result.get("purged", {}) == ({"11": done} if done else {})
    assert old_ones() == list(range(done + 1, 13))


def swallowing(condition):
    """Return a schema with a trigger that keeps rows from being deleted, in silence."""
    if connection.vendor == "sqlite":
        return schema(
            setup=[
                f"CREATE TRIGGER swallow BEFORE DELETE ON {TABLE} FOR EACH ROW "
                f"WHEN {condition} BEGIN SELECT RAISE(IGNORE); END"
            ],
            undo=["DROP TRIGGER swallow"],
        )
    return schema(
        setup=[
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$",
            f"CREATE TRIGGER swallow BEFORE DELETE ON {TABLE} FOR EACH ROW "
            f"WHEN ({condition}) EXECUTE FUNCTION swallow()",
        ],
        undo=[f"DROP TRIGGER swallow ON {TABLE}", "DROP FUNCTION swallow()"],
    )


def test_rows_that_a_trigger_keeps_fail_their_batch_whole(rows):
    with swallowing("OLD.id = 7"):
        with pytest.raises(CountMismatch, match=r"4 rows .* were to be deleted but 3 were"):
            purging(batch_size=4)
        assert_failed_after(4, "CountMismatch")
    assert purging()["rows"] == 8


def test_more_rows_than_were_counted_when_the_run_began_are_never_deleted(rows):
    """Nothing ages behind a frozen cutoff: such rows were changed by somebody, or by a clock."""
    add_archived(range(13, 21), days=10)
    add_archived([200])

    def age():
        EventArchive.objects.filter(pk__range=(13, 20)).update(archived_at=ago(days=9000))

    with pytest.raises(CountMismatch, match=r"16 rows .* but 13 were counted when the run began"):
        purging(listener=after(1, age), batch_size=4)
    assert (last_purge().state, last_purge().rows_done) == ("failed", 12)
    assert old_ones() == [*range(13, 21), 200]


@pytest.mark.parametrize("action", ["", "ON DELETE CASCADE"])
def test_a_constraint_that_somebody_adds_meanwhile_ends_the_run(action, rows):
    def point():
        query(f"CREATE TABLE note (id int PRIMARY KEY, event bigint REFERENCES {TABLE} {action})")
        query("INSERT INTO note VALUES (1, 6)")

    with schema(setup=[], undo=["DROP TABLE note"]):
        kind = SchemaChanged if action else ConstraintViolated
        with pytest.raises(kind):
            purging(listener=after(1, point), batch_size=4)
        assert query("SELECT count(*) FROM note") == [(1,)]
        assert_failed_after(4, kind.__name__)


def test_an_archive_that_changes_its_columns_meanwhile_ends_the_run(rows):
    def change():
        query(f"ALTER TABLE {TABLE} ADD COLUMN note text")

    undo = [f"ALTER TABLE {TABLE} DROP COLUMN note"]
    with schema(setup=[], undo=undo), pytest.raises(SchemaChanged, match="purge_archive"):
        purging(listener=after(1, change), batch_size=4)
    assert_failed_after(4, "SchemaChanged")


def test_a_process_that_wakes_up_after_its_run_was_taken_over_deletes_nothing_more(rows):
    def take_over():
        MaintenanceRun.objects.filter(state="running").update(generation=99)

    with pytest.raises(LostOwnership):
        purging(listener=after(1, take_over), batch_size=4)
    assert old_ones() == list(range(5, 13))


def lock_rows(session, *keys):
    session.set_autocommit(False)
    with session.cursor() as cursor:
        listed = ", ".join(map(str, keys))
        cursor.execute(f"SELECT id FROM {TABLE} WHERE id IN ({listed}) FOR UPDATE")


@postgresql
@override_settings(DBHEALTH=HASTY)
def test_a_locked_row_is_waited_for_and_never_stepped_over(rows, other):
    lock_rows(other, 7)
    listener = Listener()
    with pytest.raises(OperationalError, match="lock timeout"):
        purging(listener=listener, batch_size=4)
    assert [note for note in listener.notes if note.startswith("lock timeout: trying again")]
    assert last_purge().state == "failed"
    assert 7 in old_ones()
    other.rollback()
    purging()
    assert old_ones() == []


@postgresql
@override_settings(DBHEALTH=HASTY | {"BATCH_RETRIES": 8})
def test_a_lock_that_is_given_back_costs_a_retry(rows, other):
    lock_rows(other, 3)
    listener = Listener()
    listener.note = lambda text: other.rollback()
    assert purging(listener=listener)["rows"] == 12


@sqlite
@override_settings(DBHEALTH=HASTY)
def test_another_writer_on_sqlite_is_waited_for(rows, other):
    def hold():
        other.ensure_connection()
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")

    connection.connection.execute("PRAGMA busy_timeout = 100")
    listener = after(1, hold)
    listener.note = lambda text: other.rollback()
    assert purging(listener=listener, batch_size=4)["rows"] == 12


class Meeting:
    """Another transaction changes rows of a batch and commits while the batch waits for it."""

    def __init__(self, act):
        with override_settings(DBHEALTH=PATIENT):
            with transaction.atomic():
                act()
                purge = InThread(lambda: purging(batch_size=20))
                wait_until(waiting_sessions, "the batch waits for the row")
            self.result = purge.result()


@postgresql
def test_a_row_that_is_restored_meanwhile_is_not_purged(rows):
    def restoring():
        # What a batch of a restore does, held open before its COMMIT.
        names = "id, created_at, payload, version, done, hidden"
        query(f"INSERT INTO move_event ({names}) SELECT {names} FROM {TABLE} WHERE id = 7")
        query(f"DELETE FROM {TABLE} WHERE id = 7")

    result = Meeting(restoring).result
    assert (result["state"], result["rows"], result["purged"]) == ("succeeded", 11, {"11": 11})
    assert in_source() == [7]
    assert old_ones() == []


@postgresql
def test_a_row_that_somebody_takes_back_meanwhile_stays(rows):
    def make_young():
        EventArchive.objects.filter(pk=7).update(archived_at=ago(days=1))

    result = Meeting(make_young).result
    assert (result["state"], result["rows"]) == ("succeeded", 11)
    assert old_ones() == [7]


@postgresql
def test_a_row_that_is_purged_is_not_restored_after_it(rows):
    """The other way round: the purge holds the row first, and the restore finds nothing."""
    with override_settings(DBHEALTH=PATIENT):
        with transaction.atomic():
            query(f"DELETE FROM {TABLE} WHERE id = 7")  # a batch of a purge before its COMMIT
            back = InThread(lambda: restore("move_event", keys=[7]))
            wait_until(waiting_sessions, "the restore waits for the row")
        back.result()
    assert in_source() == []
    assert 7 not in old_ones()


def test_an_archive_run_that_begins_meanwhile_loses_nothing(rows):
    """It does not know of the purge; what it brings is young and stays."""
    add_events(range(2_001, 2_011))
    add_events([10**9], days=0)
    moved = []
    result = purging(listener=after(1, lambda: moved.append(archive(batch_size=3))), batch_size=4)
    assert (result["state"], result["rows"]) == ("succeeded", 12)
    assert moved[0]["rows"] == 10
    assert in_source() == [10**9]
    assert old_ones() == list(range(2_001, 2_011))


def test_a_restore_that_would_begin_meanwhile_is_refused(rows):
    refused = []

    def bring_back():
        with pytest.raises(Refused, match="purge of move_event_archive") as caught:
            restore("move_event", keys=[9])
        refused.extend(caught.value.refusals)

    result = purging(listener=after(1, bring_back), batch_size=4)
    assert (result["state"], result["rows"]) == ("succeeded", 12)
    assert [refusal.code for refusal in refused] == ["run-active"]
    assert in_source() == []
    assert old_ones() == []


@postgresql
def test_a_connection_that_the_server_ends_fails_the_run_and_the_next_one_goes_on(rows):
    def end():
        with second_session() as session, session.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid]
            )

    with pytest.raises(DatabaseError):
        purging(listener=after(2, end), batch_size=4)
    run = last_purge()
    assert (run.state, run.rows_done, run.result["purged"]) == ("failed", 8, {"11": 8})
    assert purging()["rows"] == 4


@postgresql
@override_settings(DBHEALTH={"STATEMENT_TIMEOUT": 0.4, "ARCHIVE_BATCH_FLOOR": 2})
def test_statements_that_take_too_long_shrink_the_batch(rows):
    slow = [
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.08); RETURN OLD; END $$",
        f"CREATE TRIGGER slow BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION be_slow()",
    ]
    undo = [f"DROP TRIGGER slow ON {TABLE}", "DROP FUNCTION be_slow()"]
    listener = Listener()
    with schema(setup=slow, undo=undo):
        assert purging(listener=listener, batch_size=12)["rows"] == 12
    assert [note for note in listener.notes if note.startswith("statement timeout")]
