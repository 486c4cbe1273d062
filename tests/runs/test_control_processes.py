"""Pausing, cancelling and resuming what runs in processes of their own."""

import signal
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from dbhealth.exceptions import Refused
from dbhealth.runs.control import cancel, pause
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import add_events, archive, in_archive, in_source, keep_one, last_run

pytestmark = pytest.mark.django_db(transaction=True)

# A statement inside the transaction of a batch.
INSIDE = 'INTO "move_event_archive"'
ROWS = 40

IMPATIENT = {"LOCK_TIMEOUT": 0.1, "BATCH_RETRIES": 1}


def blow(number, *, at, when, nth=3):
    point = {"match": at, "nth": nth, "when": when, "since": INSIDE}
    return {"number": int(number), "times": 1} | point


@pytest.fixture
def events():
    add_events(range(1, ROWS + 1))
    keep_one()


@pytest.fixture
def sleeper(events, lives):
    """Start a process that moves five rows a batch and sleeps behind its third one."""
    life = lives.start("--batch-size", 5, blow=blow(signal.SIGSTOP, at="COMMIT", when="after"))
    assert life.wait() == {"stopped": True}
    assert last_run().rows_done == 15
    return life


def text(ended):
    """Return all that a process said, as one line."""
    return " ".join((ended["output"] + ended["errors"]).split())


def wake(life):
    life.send(signal.SIGCONT)
    return life.wait()


def manage(lives, *words):
    return lives.manage("maintenance_runs", *words).wait()


def assert_nothing_lost():
    assert sorted(in_source() + in_archive()) == [*range(1, ROWS + 1), 10**9]
    for run in MaintenanceRun.objects.all():
        assert run.rows_done == EventArchive.objects.filter(archive_run=run.pk).count()


def test_a_run_is_paused_refuses_the_next_one_and_is_resumed(sleeper, lives):
    run = last_run()
    asked = manage(lives, "pause", run.pk)
    assert asked["code"] == 0
    assert f"Run {run.pk} (archive of move_event) is pausing" in text(asked)
    ended = wake(sleeper)
    assert ended["code"] == 0, text(ended)
    assert "paused" in ended["output"]
    assert f"maintenance_runs resume {run.pk}" in text(ended)
    paused = last_run()
    # The batch that began after the pause was asked for is the last one.
    assert (paused.state, paused.rows_done, paused.batches) == ("paused", 20, 4)
    assert paused.finished_at is None

    refused = lives.run()
    assert refused["code"] == 1
    assert f"Run {run.pk} (archive of move_event) is paused." in text(refused)
    assert f"maintenance_runs resume {run.pk}" in text(refused)
    assert len(in_archive()) == 20

    # Rows that age meanwhile are not this run's.
    add_events([ROWS + 1], created_at=run.cutoff + timedelta(seconds=1))
    resumed = manage(lives, "resume", run.pk)
    assert resumed["code"] == 0, text(resumed)
    assert "20 rows archived" in text(resumed)
    done = last_run()
    assert (done.pk, done.state, done.rows_done) == (run.pk, "succeeded", ROWS)
    assert (done.cutoff, done.batches, done.trigger) == (run.cutoff, 8, "command")
    assert in_archive() == list(range(1, ROWS + 1))


def test_a_run_is_cancelled_and_the_next_one_takes_the_rest(sleeper, lives):
    run = last_run()
    asked = manage(lives, "cancel", run.pk)
    assert asked["code"] == 0
    assert "is cancelling" in text(asked)
    ended = wake(sleeper)
    assert ended["code"] == 1
    assert "a new run takes the rest" in text(ended)
    cancelled = last_run()
    assert (cancelled.state, cancelled.rows_done) == ("cancelled", 20)
    assert lives.run()["code"] == 0
    assert last_run().rows_done == ROWS - 20
    assert_nothing_lost()


def test_a_run_that_is_not_asleep_is_paused_within_a_batch(lives):
    keep_one()
    add_events(range(1, 4_001))
    life = lives.start("--batch-size", 2, begins=INSIDE)
    assert lives.ask(do="wait", pid=life.pid, seconds=0.01, kill=False) == {"running": True}
    assert pause("default", last_run().pk).state == "pausing"
    done = last_run().rows_done
    ended = life.wait()
    assert ended["code"] == 0, text(ended)
    assert last_run().state == "paused"
    assert last_run().rows_done <= done + 2
    assert last_run().rows_done == len(in_archive())


def test_a_process_that_wakes_up_after_its_run_was_cancelled_writes_nothing(sleeper):
    run = last_run()
    # It is there, and silent for longer than its lease.
    MaintenanceRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert cancel("default", run.pk).state == "cancelled"
    result = archive(max_rows=5, batch_size=5)
    assert (result["resumed"], result["rows"]) == (False, 5)
    stands = (in_source(), in_archive())
    ended = wake(sleeper)
    assert ended["code"] == 1
    assert "ended by somebody else" in text(ended)
    assert (in_source(), in_archive()) == stands
    run.refresh_from_db()
    assert (run.state, run.rows_done) == ("cancelled", 15)
    assert archive()["rows"] == 20
    assert_nothing_lost()


def test_of_two_that_resume_at_once_one_works_and_the_other_gets_a_sentence(sleeper, lives):
    run = last_run()
    pause("default", run.pk)
    wake(sleeper)
    both = [lives.manage("maintenance_runs", "resume", run.pk) for _ in range(2)]
    ended = [life.wait() for life in both]
    assert sorted(end["code"] for end in ended) == [0, 1]
    (loser,) = (end for end in ended if end["code"])
    assert "Traceback" not in text(loser)
    assert "is running" in text(loser) or "is succeeded" in text(loser)
    assert (last_run().pk, last_run().state, last_run().rows_done) == (run.pk, "succeeded", ROWS)
    assert_nothing_lost()


def test_a_resumed_run_can_be_stopped_and_carried_on_with_like_any_other(sleeper, lives):
    run = last_run()
    pause("default", run.pk)
    wake(sleeper)
    stop = blow(signal.SIGTERM, at=INSIDE, when="before", nth=1)
    ended = lives.manage("maintenance_runs", "resume", run.pk, blow=stop).wait()
    assert ended["code"] == 1
    assert (last_run().state, last_run().rows_done) == ("interrupted", 25)
    result = archive()
    assert (result["run"], result["rows"]) == (run.pk, 15)
    assert_nothing_lost()


def test_a_killed_run_is_shown_as_dead_and_resumed_by_its_id(events, lives):
    killed = lives.run("--batch-size", 5, blow=blow(signal.SIGKILL, at=INSIDE, when="before"))
    assert killed["signal"] == signal.SIGKILL
    run = last_run()
    assert "running, dead" in text(manage(lives, "list"))
    shown = text(manage(lives, "show", run.pk))
    assert "running, but its process is dead" in shown
    assert "what can be done resume, cancel" in shown
    paused = manage(lives, "pause", run.pk)
    assert paused["code"] == 1
    assert "is dead" in text(paused)
    assert manage(lives, "resume", run.pk)["code"] == 0
    assert (last_run().pk, last_run().state, last_run().rows_done) == (run.pk, "succeeded", ROWS)
    assert_nothing_lost()


@pytest.mark.parametrize("deed", [pause, cancel])
def test_a_run_whose_process_sleeps_on_its_locks_stays_as_it_is(deed, events, lives):
    stop = blow(signal.SIGSTOP, at="COMMIT", when="before")
    life = lives.start("--batch-size", 5, blow=stop)
    assert life.wait() == {"stopped": True}
    run = last_run()
    with override_settings(DBHEALTH=IMPATIENT), pytest.raises(Refused) as refused:
        deed("default", run.pk)
    (reason,) = refused.value.refusals
    assert reason.code == "run-locked"
    assert f"process {run.pid}" in reason.instead
    assert wake(life)["code"] == 0
    assert (last_run().state, last_run().rows_done) == ("succeeded", ROWS)


@pytest.mark.postgresql  # on SQLite nobody can write while a batch is at work
@pytest.mark.parametrize("deed, code, state", [(pause, 0, "paused"), (cancel, 1, "cancelled")])
def test_a_wish_in_the_middle_of_a_batch_ends_the_run_with_it(deed, code, state, events, lives):
    stop = blow(signal.SIGSTOP, at=INSIDE, when="after")
    life = lives.start("--batch-size", 5, blow=stop)
    assert life.wait() == {"stopped": True}
    deed("default", last_run().pk)
    ended = wake(life)
    assert ended["code"] == code, text(ended)
    # Its snapshot is older than the wish: the batch is rolled back and not done again.
    assert (last_run().state, last_run().rows_done) == (state, 10)
    assert_nothing_lost()
