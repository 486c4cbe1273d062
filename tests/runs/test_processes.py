"""Runs in processes of their own: signals, takeovers, exit codes."""

import contextlib
import json
import signal
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from dbhealth.exceptions import Refused
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import (
    InThread,
    add_events,
    archive,
    in_archive,
    in_source,
    keep_one,
    last_run,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)

# A statement inside the transaction of a batch.
INSIDE = 'INTO "move_event_archive"'


def blow(number, *, at=INSIDE, nth=3, when="before", times=1):
    # The points are those of batches, not of what is committed before the first one.
    point = {"match": at, "nth": nth, "when": when, "since": INSIDE}
    return {"number": int(number), "times": times} | point


def sleep_between_batches():
    """Return the blow that stops a process behind its third batch, outside of any transaction."""
    return blow(signal.SIGSTOP, at="COMMIT", when="after")


@pytest.fixture
def events():
    add_events(range(1, 41))
    keep_one()


def text(ended):
    """Return all that a process said, as one line."""
    return " ".join((ended["output"] + ended["errors"]).split())


def assert_nothing_lost():
    assert sorted(in_source() + in_archive()) == [*range(1, 41), 10**9]
    for run in MaintenanceRun.objects.all():
        assert run.rows_done == EventArchive.objects.filter(archive_run=run.pk).count()


def test_a_whole_run_ends_with_code_0_and_one_json_document(events, lives):
    ended = lives.run("--batch-size", 7, "--format", "json")
    assert ended["code"] == 0, text(ended)
    assert json.loads(ended["output"])["summary"]["total_records_archived"] == 40
    run = last_run()
    assert (run.state, run.trigger, run.rows_done) == ("succeeded", "command", 40)
    assert run.started_by


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_ends_the_run_after_the_batch_at_work(number, events, lives):
    ended = lives.run("--batch-size", 5, blow=blow(number))
    assert ended["code"] == 1
    run = last_run()
    assert (run.state, run.rows_done, run.batches) == ("interrupted", 15, 3)
    assert run.result["stopped"] == f"stopped by {number.name}"
    assert_nothing_lost()
    result = archive()
    assert (result["resumed"], result["run"], result["rows"]) == (True, run.pk, 25)
    assert last_run().state == "succeeded"


def test_tables_that_were_not_begun_when_the_signal_came_are_said_to_be_so(events, lives):
    ended = lives.run("--table", "move_order", "--format", "json", blow=blow(signal.SIGTERM, nth=1))
    assert ended["code"] == 1
    tables = json.loads(ended["output"])["tables"]
    assert tables["move_event"]["state"] == "interrupted"
    assert tables["move_order"]["state"] == "interrupted"
    assert tables["move_order"]["stopped"] == "not begun: stopped by SIGTERM"


def test_a_second_signal_stops_at_once_and_rolls_the_batch_back(events, lives):
    ended = lives.run("--batch-size", 5, blow=blow(signal.SIGINT, times=2))
    assert ended["code"] == 1
    assert "rolled back" in text(ended)
    run = last_run()
    assert (run.state, run.rows_done, run.batches) == ("interrupted", 10, 2)
    assert_nothing_lost()
    assert archive()["rows"] == 30


def test_a_killed_process_is_carried_on_with_at_once(events, lives):
    ended = lives.run("--batch-size", 5, blow=blow(signal.SIGKILL, when="after"))
    assert ended["signal"] == signal.SIGKILL
    killed = last_run()
    assert (killed.state, killed.rows_done) == ("running", 10)
    assert_nothing_lost()
    result = archive()
    assert (result["resumed"], result["run"], result["rows"]) == (True, killed.pk, 30)
    assert last_run().cutoff == killed.cutoff


def test_of_two_processes_one_works_and_the_other_is_refused(events, lives):
    first = lives.start("--batch-size", 5, blow=sleep_between_batches())
    assert first.wait() == {"stopped": True}
    second = lives.run()
    assert second["code"] == 1
    assert f"Run {last_run().pk} (archive of move_event) is running." in text(second)
    first.send(signal.SIGCONT)
    assert first.wait()["code"] == 0
    assert last_run().rows_done == 40
    assert_nothing_lost()


def test_of_two_that_start_at_the_same_moment_one_works(events, lives):
    started = [lives.start("--batch-size", 1) for _ in range(2)]
    ended = [life.wait() for life in started]
    done = MaintenanceRun.objects.filter(rows_done=40)
    assert done.count() == 1
    # The second one is refused, or comes when the first one is through and finds nothing.
    assert [end["code"] for end in ended].count(0) >= 1
    for end in ended:
        assert end["code"] == 0 or "move_event) is running" in text(end)
    assert_nothing_lost()


def test_a_process_that_wakes_up_after_it_was_overtaken_writes_nothing(events, lives):
    sleeper = lives.start("--batch-size", 5, blow=sleep_between_batches())
    assert sleeper.wait() == {"stopped": True}
    before = last_run()
    assert before.rows_done == 15
    with pytest.raises(Refused):
        archive()
    MaintenanceRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    result = archive(max_rows=5, batch_size=5)
    assert (result["resumed"], result["run"], result["rows"]) == (True, before.pk, 5)
    stands = (in_source(), in_archive())
    sleeper.send(signal.SIGCONT)
    ended = sleeper.wait()
    assert ended["code"] == 1
    assert "taken over" in text(ended)
    assert (in_source(), in_archive()) == stands
    run = last_run()
    assert (run.pk, run.state) == (before.pk, "succeeded")
    assert run.rows_done == before.rows_done + 5
    assert archive()["rows"] == 40 - run.rows_done
    assert_nothing_lost()


@pytest.mark.parametrize(
    "at, when",
    [(INSIDE, "before"), (INSIDE, "after"), ("COMMIT", "before")],
    ids=["before the rows", "between the rows", "before the commit"],
)
def test_nobody_waits_for_ever_for_a_process_that_sleeps_in_a_transaction(at, when, events, lives):
    sleeper = lives.start("--batch-size", 5, blow=blow(signal.SIGSTOP, at=at, when=when))
    assert sleeper.wait() == {"stopped": True}
    assert last_run().rows_done == 10
    impatient = {"LOCK_TIMEOUT": 0.2, "STATEMENT_TIMEOUT": 0.5, "LEASE_SECONDS": 1.0}
    try:
        with override_settings(DBHEALTH=impatient | {"ARCHIVE_BATCH_FLOOR": 2, "BATCH_RETRIES": 2}):
            lease = timedelta(seconds=1)
            wait_until(lambda: last_run().heartbeat_at + lease < timezone.now(), "the lease ends")
            # Taken over, refused or failed: whatever comes of it, it comes soon.
            other = InThread(lambda: archive(batch_size=5))
            with contextlib.suppress(Refused, OperationalError):
                other.result()
    finally:
        sleeper.send(signal.SIGCONT)
        sleeper.wait()
    assert_nothing_lost()
    archive()
    assert in_source() == [10**9]
    assert_nothing_lost()
