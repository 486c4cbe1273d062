"""What a run leaves on record when it begins, works, fails and ends."""

import pytest
from django.db import DatabaseError, connection

from dbhealth.exceptions import CountMismatch, Refused, SchemaChanged
from dbhealth.runs.models import MaintenanceRun
from dbhealth.signals import run_finished, run_started
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import (
    Listener,
    add_events,
    archive,
    exit_code,
    in_archive,
    in_source,
    keep_one,
    last_run,
    stopped,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


@pytest.fixture
def heard():
    """Listen to both signals; what was heard is a list of names and states."""
    told = []

    def started(sender, run, **kwargs):
        assert sender is MaintenanceRun
        told.append(("started", run.state, connection.in_atomic_block))

    def finished(sender, run, **kwargs):
        told.append(("finished", run.state, connection.in_atomic_block))

    run_started.connect(started)
    run_finished.connect(finished)
    yield told
    run_started.disconnect(started)
    run_finished.disconnect(finished)


def break_at(batch):
    """Return a listener that drops the archive's table after so many batches."""

    def listen(number):
        if number == batch:
            with connection.schema_editor() as editor:
                editor.alter_db_table(EventArchive, "move_event_archive", "move_event_lost")

    return Listener(listen)


@pytest.fixture
def broken_after_two(events):
    """Run until the archive's table goes missing behind the second batch."""
    try:
        with pytest.raises((SchemaChanged, DatabaseError)):
            archive(listener=break_at(2), batch_size=3)
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(EventArchive, "move_event_lost", "move_event_archive")


def test_both_signals_are_sent_outside_of_any_transaction(events, heard):
    archive()
    assert heard == [("started", "running", False), ("finished", "succeeded", False)]


def test_the_end_is_told_after_a_failure_and_after_an_interruption(events, heard):
    archive(stop=stopped())
    assert heard[-1] == ("finished", "interrupted", False)


def test_a_refusal_before_the_run_sends_nothing(heard):
    add_events([1])
    with pytest.raises(Refused):
        archive()
    assert heard == []


def test_a_failure_keeps_error_traceback_and_what_was_done(broken_after_two, heard):
    run = last_run()
    assert run.state == "failed"
    assert "move_event_archive" in run.error
    assert "Traceback (most recent call last)" in run.traceback
    assert (run.rows_done, run.batches) == (6, 2)
    assert run.finished_at is not None
    assert in_archive() == [1, 2, 3, 4, 5, 6]
    assert len(in_source()) == 5


def test_after_a_failure_a_new_run_does_the_rest(broken_after_two):
    failed = last_run()
    result = archive()
    assert (result["resumed"], result["rows"]) == (False, 4)
    assert result["run"] != failed.pk


@pytest.mark.parametrize("signal", [run_started, run_finished])
def test_a_receiver_that_fails_neither_stops_nor_fails_the_run(signal, events):
    def fails(**kwargs):
        raise RuntimeError("a mistake of the project")

    signal.connect(fails)
    try:
        result = archive()
    finally:
        signal.disconnect(fails)
    assert (result["state"], result["rows"]) == ("succeeded", 10)
    assert last_run().state == "succeeded"


def test_the_record_tells_who_when_and_how_much(events):
    archive(batch_size=4, max_rows=8)
    run = last_run()
    assert (run.operation, run.database, run.target) == ("archive", "default", "move_event")
    assert (run.state, run.trigger) == ("succeeded", "api")
    assert (run.rows_done, run.rows_expected, run.batches) == (8, 10, 2)
    assert run.created_at <= run.started_at <= run.heartbeat_at <= run.finished_at
    assert run.options["max_rows"] == 8
    assert run.result["stopped"] == "max-rows reached"
    assert run.pid
    assert run.host
    assert set(EventArchive.objects.values_list("archive_run", flat=True)) == {run.pk}


def test_counters_in_the_database_are_those_of_the_rows_after_each_batch(events):
    seen = []

    def look(number):
        run = last_run()
        seen.append((run.rows_done, run.batches, [int(part) for part in run.cursor]))
        assert run.rows_done == EventArchive.objects.filter(archive_run=run.pk).count()

    archive(listener=Listener(look), batch_size=4)
    assert seen == [(4, 1, [4]), (8, 2, [8]), (10, 3, [10])]


def test_a_batch_that_is_rolled_back_leaves_no_trace_in_the_counters(events, monkeypatch):
    from dbhealth.runs.runner import Hold

    record = Hold.record

    def fails_after_the_second(self, rows, cursor, now, **facts):
        state = record(self, rows, cursor, now, **facts)
        if int(cursor[0]) > 8:
            raise CountMismatch("as if the counts had not agreed")
        return state

    monkeypatch.setattr(Hold, "record", fails_after_the_second)
    with pytest.raises(CountMismatch):
        archive(batch_size=4)
    run = last_run()
    assert (run.state, run.rows_done, run.batches) == ("failed", 8, 2)
    assert [int(part) for part in run.cursor] == [8]
    assert in_archive() == list(range(1, 9))


def test_a_refusal_is_on_record_with_its_reasons():
    add_events([1])
    assert exit_code("--table", "move_event") == 1
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", 0)
    assert run.result["refusals"][0]["code"] == "emptying"
    assert run.cutoff is not None
    assert in_source() == [1]
