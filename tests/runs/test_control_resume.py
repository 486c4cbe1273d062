"""Resuming: what a run keeps, who gets it, and when it cannot be had."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings

from dbhealth.exceptions import IllegalMove, Refused
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import resume, unfinished
from dbhealth.runs.control import get_run
from dbhealth.runs.lease import this_host
from dbhealth.runs.log import patiently
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import (
    InThread,
    add_events,
    change_policy,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
    second_session,
    stopped,
)
from tests.runs.making import NOBODY, do_after, go_on, make, order_of, pause_after

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


def test_a_resumed_run_has_its_own_cutoff_cursor_and_counters(events):
    run = pause_after(1)
    add_events([20], created_at=run.cutoff + timedelta(microseconds=1))
    result = go_on(run.pk)
    after = last_run()
    assert (result["run"], result["resumed"], result["rows"]) == (run.pk, True, 4)
    assert (after.pk, after.state, after.rows_done) == (run.pk, "succeeded", 10)
    assert (after.cutoff, after.generation) == (run.cutoff, run.generation + 1)
    assert after.finished_at is not None
    assert in_archive() == list(range(1, 11))
    assert set(EventArchive.objects.values_list("archive_run", flat=True)) == {run.pk}


def test_a_resumed_run_is_under_the_retention_it_began_with(events):
    add_events([50], days=20)
    run = pause_after(1, retention=timedelta(days=10))
    go_on(run.pk)
    after = last_run()
    assert (after.state, after.rows_done) == ("succeeded", 11)
    assert after.options["terms"] == run.options["terms"]
    assert in_source() == [10**9]


def test_a_resumed_run_has_the_bounds_that_it_began_with(events):
    run = pause_after(1, max_rows=8)
    result = go_on(run.pk)
    assert (result["rows"], result["stopped"]) == (2, "max-rows reached")
    after = last_run()
    assert (after.rows_done, after.options["max_rows"]) == (8, 8)
    assert after.options["batch_size"] == 3


def test_a_run_that_has_met_its_bound_in_the_pause_moves_nothing_more(events):
    run = pause_after(1, max_rows=6)
    result = go_on(run.pk)
    assert (result["state"], result["rows"]) == ("succeeded", 0)
    assert last_run().rows_done == 6


def test_an_interrupted_run_can_be_named_although_the_policy_has_changed(events, monkeypatch):
    stop = stopped()
    stop.reason = None

    def interrupt(pk):
        stop.reason = "SIGTERM"

    do_after(1, interrupt, stop=stop)
    run = last_run()
    assert run.state == "interrupted"
    change_policy(monkeypatch, EventArchive, where=None)
    result = go_on(run.pk)
    assert (result["run"], result["rows"]) == (run.pk, 7)
    assert last_run().options["terms"]["where"] is None


def test_a_run_of_a_dead_process_can_be_named(events):
    run = pause_after(1)
    MaintenanceRun.objects.update(state="pausing", host=this_host(), pid=NOBODY)
    assert go_on(run.pk)["rows"] == 4
    assert last_run().state == "succeeded"


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_run_that_has_ended_cannot_be_resumed(state, events):
    run = pause_after(1)
    MaintenanceRun.objects.update(state=state)
    with pytest.raises(IllegalMove, match="final"):
        resume_run("default", run.pk, Circumstances())
    assert MaintenanceRun.objects.count() == 1
    assert len(in_archive()) == 6


def test_a_run_that_is_at_work_cannot_be_resumed(events):
    run = make("running", options={"terms": {"archive": "move_event_archive"}})
    result = go_on(run.pk)
    assert result["state"] == "refused"
    assert f"Run {run.pk} (archive of move_event) is running." in result["error"]


def test_a_run_whose_archive_is_not_declared_any_more_says_so(events):
    run = make("paused", options={"terms": {"archive": "move_event_attic"}})
    with pytest.raises(IllegalMove) as refused:
        go_on(run.pk)
    assert "move_event_attic" in str(refused.value)
    assert f"cancel {run.pk}" in str(refused.value)


def test_an_older_run_is_not_resumed_beside_an_active_one(events):
    old = make("interrupted", options={"terms": {"archive": "move_event_archive"}})
    new = make("running")
    result = go_on(old.pk)
    assert result["state"] == "refused"
    assert f"Run {new.pk} " in result["error"]
    assert get_run("default", old.pk).state == "interrupted"


def test_of_two_that_resume_one_run_one_gets_it(events):
    run = pause_after(1)
    order = order_of(run, resumes=run.pk)
    first, second = unfinished(order), unfinished(order)
    resume(order, first)
    with pytest.raises(Refused, match="is running"):
        resume(order, second)
    assert last_run().generation == run.generation + 1


def test_a_run_that_began_meanwhile_keeps_an_interrupted_one_from_being_resumed(events):
    old = make("interrupted")
    order = order_of(old, resumes=old.pk)
    waiting = unfinished(order)
    new = make("running")
    with pytest.raises(Refused, match=f"Run {new.pk} .* is running"):
        resume(order, waiting)


@pytest.mark.sqlite
def test_a_resume_that_could_not_be_committed_is_tried_again(events):
    run = pause_after(1)
    order = order_of(run, resumes=run.pk)
    updates = []

    with second_session() as reader, reader.cursor() as cursor:
        # A reader's lock lets another session write, and keeps it from committing.
        reader.inc_thread_sharing()
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM move_event")
        cursor.fetchall()

        def count(execute, sql, params, many, context):
            if sql.startswith("UPDATE"):
                updates.append(sql)
                if len(updates) == 2:
                    reader.rollback()
            return execute(sql, params, many, context)

        def take():
            query("PRAGMA busy_timeout = 100")  # COMMIT waits as long as the connection says
            with connection.execute_wrapper(count):
                return patiently(order.backend, lambda: resume(order, run))

        with override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1}):
            taken = InThread(take).result()
    assert len(updates) == 2
    assert (taken.state, taken.generation) == ("running", run.generation + 1)
