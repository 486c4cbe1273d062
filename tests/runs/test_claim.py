"""One active run at a time, leases, and carrying on where a run stood."""

import os
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.backends import get_backend
from dbhealth.exceptions import LostOwnership, Refused
from dbhealth.runs.claim import Order, begin, resume, unfinished
from dbhealth.runs.lease import this_host
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import ACTIVE, ENDED
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import (
    Listener,
    add_events,
    ago,
    archive,
    change_policy,
    in_archive,
    in_source,
    interrupted_run,
    keep_one,
    last_run,
    stopped,
)

pytestmark = pytest.mark.django_db(transaction=True)

SHORT_LEASE = {"LEASE_SECONDS": 60.0, "STATEMENT_TIMEOUT": 20.0}


def other_run(state="running", **facts):
    """Insert a run of the events as another process would have left it."""
    # The highest process id that Linux gives out is below 2**22.
    facts = {"host": "elsewhere", "pid": 2**22 + 1, "heartbeat_at": timezone.now()} | facts
    return MaintenanceRun.objects.create(
        operation="archive",
        database="default",
        target="move_event",
        state=state,
        trigger="command",
        created_at=timezone.now(),
        **facts,
    )


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


def interrupt_after(batches, **asked):
    """Run until so many batches are done, then stop; return the run."""
    stop = stopped()
    stop.reason = None

    def listen(number):
        if number == batches:
            stop.reason = "SIGTERM"

    archive(listener=Listener(listen), stop=stop, **asked)
    return last_run()


@pytest.mark.parametrize("first", sorted(ACTIVE))
def test_the_database_itself_refuses_a_second_active_run(first):
    other_run(first)
    for second in sorted(ACTIVE):
        with pytest.raises(IntegrityError):
            other_run(second)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_ended_runs_stand_beside_an_active_one(state):
    other_run(state)
    other_run(state)
    other_run("running")
    assert MaintenanceRun.objects.count() == 3


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_an_active_run_of_another_host_refuses_a_second_one(state, events):
    run = other_run(state)
    with pytest.raises(Refused) as refused:
        archive()
    (reason,) = refused.value.refusals
    assert reason.code == "run-active"
    assert f"Run {run.pk}" in reason.what
    named = f"maintenance_runs resume {run.pk}"
    assert (named if state in ("paused", "queued") else "elsewhere") in reason.instead
    assert MaintenanceRun.objects.count() == 1
    assert len(in_source()) == 11


def test_runs_of_other_tables_and_databases_do_not_stand_in_the_way(events):
    other_run().__class__.objects.update(target="move_visit")
    other_run().__class__.objects.filter(target="move_event").update(database="other")
    assert archive()["rows"] == 10


def test_a_run_whose_process_is_gone_from_this_host_is_carried_on_with_at_once(events):
    run = other_run(host=this_host(), cutoff=ago(days=30), options=terms())
    result = archive()
    assert (result["resumed"], result["run"], result["rows"]) == (True, run.pk, 10)


def terms():
    """Return the options of a run of the events under the policy's own terms."""
    archive_run = interrupted_run()
    options = archive_run.options
    archive_run.delete()
    return options


def test_a_run_of_another_host_is_carried_on_with_after_its_lease(events):
    run = other_run(cutoff=ago(days=30), options=terms())
    with override_settings(DBHEALTH=SHORT_LEASE):
        MaintenanceRun.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=50))
        with pytest.raises(Refused):
            archive()
        MaintenanceRun.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
        result = archive()
    assert (result["resumed"], result["run"], result["rows"]) == (True, run.pk, 10)


def test_a_run_from_before_the_clock_was_set_back_is_carried_on_with(events):
    run = other_run(cutoff=ago(days=30), options=terms())
    with override_settings(DBHEALTH=SHORT_LEASE):
        MaintenanceRun.objects.update(heartbeat_at=timezone.now() + timedelta(seconds=50))
        with pytest.raises(Refused):
            archive()
        MaintenanceRun.objects.update(heartbeat_at=timezone.now() + timedelta(seconds=75))
        result = archive()
    assert (result["resumed"], result["run"], result["rows"]) == (True, run.pk, 10)


def test_a_run_of_a_living_process_on_this_host_is_left_alone_during_its_lease(events):
    other_run(host=this_host(), pid=os.getppid())
    with pytest.raises(Refused):
        archive()


def test_a_paused_run_is_not_dead_however_silent_it_is(events):
    other_run("paused", heartbeat_at=ago(days=10))
    with pytest.raises(Refused):
        archive()


def test_cutoff_cursor_and_counters_are_carried_on_with(events):
    first = interrupt_after(2, batch_size=3)
    assert (first.state, first.rows_done, first.batches) == ("interrupted", 6, 2)
    assert first.finished_at is not None
    add_events([0])  # behind the cursor: the next run's
    result = archive(batch_size=3)
    run = last_run()
    assert (result["resumed"], result["run"], result["rows"]) == (True, first.pk, 4)
    assert (run.cutoff, run.rows_done, run.batches) == (first.cutoff, 10, 4)
    assert run.rows_expected == 10
    assert run.generation > first.generation
    assert in_archive() == list(range(1, 11))
    assert archive()["rows"] == 1


def test_rows_that_age_in_before_a_resumed_run_stay(events):
    first = interrupt_after(1, batch_size=3)
    add_events([20], created_at=first.cutoff + timedelta(microseconds=1))
    archive()
    assert 20 in in_source()
    assert archive()["rows"] == 1


def test_other_limits_carry_on_with_the_run(events):
    first = interrupt_after(1, batch_size=3, max_rows=6)
    assert archive(batch_size=2)["run"] == first.pk


@pytest.mark.parametrize("change", ["retention", "where"])
def test_other_terms_give_the_old_run_up_and_begin_a_new_one(change, events, monkeypatch):
    first = interrupt_after(1, batch_size=3)
    if change == "where":
        change_policy(monkeypatch, EventArchive, where=None)
    result = archive(**({"retention": timedelta(days=10)} if change == "retention" else {}))
    first.refresh_from_db()
    assert (first.state, first.rows_done) == ("cancelled", 3)
    assert "other options" in first.error
    assert (result["resumed"], result["rows"]) == (False, 7)
    assert result["run"] != first.pk


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_run_that_has_ended_is_never_carried_on_with(state, events):
    first = interrupt_after(1, batch_size=3)
    MaintenanceRun.objects.update(state=state)
    result = archive()
    assert (result["resumed"], result["rows"]) == (False, 7)
    assert result["run"] != first.pk


def test_an_older_interrupted_run_is_not_carried_on_with_after_a_newer_one(events):
    interrupt_after(1, batch_size=3)
    other_run("failed", host=this_host())
    assert not archive()["resumed"]


def test_whoever_was_overtaken_cannot_write_any_more(events):
    def overtake(number):
        if number == 2:
            MaintenanceRun.objects.update(generation=5)

    with pytest.raises(LostOwnership):
        archive(listener=Listener(overtake), batch_size=3)
    run = last_run()
    assert (run.state, run.rows_done) == ("running", 6)
    assert in_archive() == [1, 2, 3, 4, 5, 6]
    assert len(in_source()) == 5


def test_a_run_that_somebody_ended_stops_its_process(events):
    def end(number):
        MaintenanceRun.objects.update(state="cancelled")

    with pytest.raises(LostOwnership):
        archive(listener=Listener(end), batch_size=3)
    assert last_run().state == "cancelled"
    assert in_archive() == [1, 2, 3]


def test_cancelling_ends_the_run_after_the_batch_at_work(events):
    def cancel(number):
        MaintenanceRun.objects.filter(state="running").update(state="cancelling")

    # Asked for between two batches: the one that begins then still ends.
    result = archive(listener=Listener(cancel), batch_size=3)
    assert (result["state"], result["rows"]) == ("cancelled", 6)
    assert (last_run().state, last_run().rows_done) == ("cancelled", 6)
    assert archive()["rows"] == 4


def order_of(run=None):
    return Order(
        operation=Operation.ARCHIVE,
        backend=get_backend("default"),
        target="move_event",
        terms=run.options["terms"] if run else {},
    )


def test_two_that_find_the_same_interrupted_run_do_not_both_take_it(events):
    run = interrupt_after(1, batch_size=3)
    order = order_of(run)
    first, second = unfinished(order), unfinished(order)
    resume(order, first)
    with pytest.raises(Refused) as refused:
        resume(order, second)
    assert refused.value.refusals[0].code == "run-active"
    assert last_run().generation == run.generation + 1


def test_a_loser_of_the_race_to_begin_is_told_who_won():
    winner = begin(order_of())
    with pytest.raises(Refused) as refused:
        begin(order_of())
    assert refused.value.refusals[0].code == "run-active"
    assert f"Run {winner.pk}" in str(refused.value)


def test_a_loser_whose_winner_has_ended_meanwhile_begins():
    winner = begin(order_of())
    lost = []

    def end_the_winner(execute, sql, params, many, context):
        # Between the insert that the constraint refuses and the look for whom it protects.
        if lost and sql.startswith("SELECT"):
            lost.clear()
            MaintenanceRun.objects.filter(pk=winner.pk).update(state="succeeded")
        try:
            return execute(sql, params, many, context)
        except IntegrityError:
            lost.append(sql)
            raise

    with connection.execute_wrapper(end_the_winner):
        run = begin(order_of())
    assert MaintenanceRun.objects.get(state="running") == run
