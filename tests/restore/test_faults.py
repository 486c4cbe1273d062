"""Others write, processes die, people interrupt: every row is in exactly one of the two tables."""

import signal
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive import archive_table, restore
from dbhealth.exceptions import ConstraintViolated, Refused, SchemaChanged
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import pause
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import State
from tests.famapp.models import Line, Story
from tests.famapp.tools import story
from tests.moveapp.models import Event, EventArchive
from tests.moveapp.tools import (
    InThread,
    Listener,
    add_events,
    archive,
    in_archive,
    in_source,
    keep_one,
    query,
    schema,
    second_session,
    stopped,
    wait_until,
)
from tests.restore.tools import OLD, YOUNG, archived, bring_back, entry, keys, stored
from tests.servers.waiting import WAITING
from tests.testapp import models

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = 10**9
ROWS = 20


@pytest.fixture
def run():
    """Archive twenty events and return the id of the run."""
    add_events(range(1, ROWS + 1))
    keep_one(KEPT)
    return archive()["run"]


def assert_nothing_lost():
    assert sorted(in_source() + in_archive()) == [*range(1, ROWS + 1), KEPT]
    assert {event.payload for event in Event.everything.exclude(pk=KEPT)} <= {
        f"event {key}" for key in range(1, ROWS + 1)
    }


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 23, 26, 30])
def test_a_kill_at_any_statement_of_a_batch_loses_nothing_and_the_next_call_goes_on(
    run, lives, nth
):
    since = 'INTO "move_event"'
    blow = {"number": int(signal.SIGKILL), "nth": nth, "since": since}
    words = ("--table", "move_event", "--run", run, "--batch-size", 5)
    ended = lives.manage("restore_archive", *words, blow=blow).wait()
    assert ended.get("signal") == signal.SIGKILL or ended["code"] == 0
    if connection.vendor == "postgresql":
        wait_until(lambda: not busy_sessions(), "the session of the dead one ends")
    assert_nothing_lost()
    killed = MaintenanceRun.objects.filter(operation="restore").get()
    assert killed.rows_done == len(in_source()) - 1
    if killed.state == State.RUNNING:
        again = bring_back(run, batch_size=5)
        assert again["resumed"] == (again["run"] == killed.pk)
    killed.refresh_from_db()
    assert (killed.state, killed.rows_done) == ("succeeded", ROWS)
    assert_nothing_lost()
    assert not in_archive()


def busy_sessions():
    return query(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    )[0][0]


def test_a_call_that_was_stopped_goes_on_where_it_stood(run):
    result = bring_back(run, stop=stopped())
    assert (result["state"], result["rows"]) == ("interrupted", 0)
    listener = Listener(lambda number: pause("default", last().pk) if number == 2 else None)
    paused = bring_back(run, listener=listener, batch_size=5)
    assert (paused["resumed"], paused["state"], paused["rows"]) == (True, "paused", 15)
    with pytest.raises(Refused, match="is paused"):
        bring_back(run)
    result = resume_run("default", last().pk, Circumstances())["tables"]["move_event"]
    assert (result["run"], result["state"], result["rows"]) == (paused["run"], "succeeded", 5)
    assert last().rows_done == ROWS
    assert_nothing_lost()


def test_rows_that_go_from_the_archive_meanwhile_are_told_of(run):
    gone = EventArchive.objects.filter(pk__gt=16)
    listener = Listener(lambda number: gone.delete() if number == 1 else None)
    result = bring_back(run, listener=listener, batch_size=5)
    assert (result["state"], result["rows"]) == ("succeeded", 16)
    assert any("4 of the chosen rows had gone" in note for note in result["notes"])
    assert any("4 of the chosen rows had gone" in note for note in last().result["notes"])


def last():
    return MaintenanceRun.objects.filter(operation="restore").latest("pk")


def test_other_terms_begin_a_run_of_their_own(run):
    interrupted = bring_back(run, stop=stopped())["run"]
    result = bring_back(run, skip_conflicts=True)
    assert (result["resumed"], result["rows"]) == (False, ROWS)
    assert MaintenanceRun.objects.get(pk=interrupted).state == State.CANCELLED


def test_bounds_end_it_early_and_the_same_call_goes_on(run):
    first = bring_back(run, max_rows=7)
    assert (first["rows"], first["stopped"]) == (7, "max-rows reached")
    assert bring_back(run, max_rows=100)["rows"] == 13


def test_nothing_is_restored_while_the_table_is_being_archived(run):
    add_events([1000])
    seen = []

    def try_it(number):
        with pytest.raises(Refused, match="archive of move_event"):
            restore("move_event", run=run)
        seen.append(entry("move_event", run=run, dry_run=True)["refusals"][0]["code"])

    archive(listener=Listener(lambda number: InThread(lambda: try_it(number)).result()))
    assert seen == ["run-active"]
    assert entry("move_event", run=run)["rows"] == ROWS


def test_nothing_is_restored_while_its_archive_is_being_purged(run):
    purging = {"operation": "purge", "target": "move_event_archive", "database": "default"}
    now = timezone.now()
    active = MaintenanceRun.objects.create(
        **purging, state=State.PAUSED, created_at=now, trigger="api"
    )
    with pytest.raises(Refused, match="purge of move_event_archive"):
        restore("move_event", run=run)
    assert len(in_archive()) == ROWS
    MaintenanceRun.objects.filter(pk=active.pk).update(state=State.CANCELLED)
    assert entry("move_event", run=run)["rows"] == ROWS


def test_a_parent_s_run_holds_up_the_restoration_of_its_children():
    story(chapters=[(OLD, [OLD])])
    story(YOUNG)
    number = archive_table(Story)["run"]
    MaintenanceRun.objects.filter(pk=number).update(state=State.PAUSED)
    with pytest.raises(Refused, match="archive of famapp_story"):
        restore(Line, run=number)


def test_one_restoration_of_a_table_is_active(run):
    def try_it():
        with pytest.raises(Refused, match="restore of move_event"):
            restore("move_event", keys=[1])

    bring_back(run, listener=Listener(lambda number: InThread(try_it).result()), batch_size=10)
    assert_nothing_lost()


@contextmanager
def before_the_insert(act):
    """Act once, in another session, when the first batch is about to begin."""
    done = []

    def watch(execute, sql, params, many, context):
        if "Mark" not in done and "LIMIT 2)" in sql:
            done.append("Mark")
            InThread(act).result()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert done


def constrained(name, **fields):
    values = {"created_at": OLD, "name": name, "group": name, "active": False}
    return models.Constrained(**{**values, **fields})


@pytest.mark.parametrize("skip", [False, True])
def test_a_value_that_is_written_after_the_report_rolls_the_batch_back(skip):
    run = archived(models.Constrained, *(constrained(name) for name in "abcd"))
    with before_the_insert(constrained("b", group="x", created_at=YOUNG).save):
        if skip:
            # Each batch looks again at what it is about to move.
            found = entry(models.Constrained, run=run, batch_size=2, skip_conflicts=True)
            assert (found["rows"], found["rows_left_conflicts"]) == (3, 1)
            return
        with pytest.raises(ConstraintViolated, match="keeps unique and that a row of"):
            restore(models.Constrained, run=run, batch_size=2)
    assert models.ConstrainedArchive.objects.count() == 4
    failed = last()
    assert (failed.state, failed.rows_done) == ("failed", 0)
    assert "What came back before it stays" in failed.error


@pytest.mark.postgresql
def test_a_value_that_is_not_committed_yet_is_waited_for():
    run = archived(models.Constrained, *(constrained(name) for name in "ab"))
    with second_session() as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO testapp_constrained (name, \"group\", active) VALUES ('B', 'x', false)"
            )
        with override_settings(DBHEALTH={"LOCK_TIMEOUT": 20.0}):
            work = InThread(lambda: restore(models.Constrained, run=run))
            wait_until(lambda: query(WAITING), "the insert waits")
            other.commit()
            with pytest.raises(ConstraintViolated, match="one_name"):
                work.result()
    assert models.ConstrainedArchive.objects.count() == 2


@pytest.mark.postgresql
def test_a_row_of_the_archive_that_is_changed_meanwhile_comes_back_as_it_is_then(run):
    def change():
        EventArchive.objects.filter(pk=3).update(payload="newest")

    changed = []

    def watch(execute, sql, params, many, context):
        if "dbh_gone AS (DELETE" in sql and not changed:
            changed.append(True)
            InThread(change).result()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        assert entry("move_event", run=run)["rows"] == ROWS
    assert Event.everything.get(pk=3).payload == "newest"
    assert not in_archive()


def test_a_column_that_is_added_between_two_batches_ends_the_run(run):
    undo = ["ALTER TABLE move_event DROP COLUMN late"]

    def change(number):
        if number == 1:
            InThread(lambda: query("ALTER TABLE move_event ADD COLUMN late integer")).result()

    with schema(setup=[], undo=undo), pytest.raises(SchemaChanged):
        bring_back(run, listener=Listener(change), batch_size=5)
    assert_nothing_lost()
    assert last().rows_done == len(in_source()) - 1 == 5


def test_there_and_back_many_times_is_still_the_same():
    run = archived(models.AutoKey, *(models.AutoKey(id=n, created_at=OLD) for n in range(9)))
    before = keys(models.AutoKey)
    source = stored(models.AutoKey)[1]
    for _ in range(3):
        assert entry(models.AutoKey, run=run, batch_size=2)["rows"] == 9
        run = archive_table(models.AutoKey, allow_emptying=True)["run"]
    assert keys(models.AutoKey) == before
    assert stored(models.AutoKey)[1].total() == source.total()
