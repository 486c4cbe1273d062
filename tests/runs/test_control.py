"""Pausing and cancelling: every state, every race, with the work in this process."""

import pytest
from django.db import connection
from django.utils import timezone

from dbhealth.exceptions import IllegalMove, LostOwnership, Refused, UsageError
from dbhealth.runs.claim import begin
from dbhealth.runs.control import cancel, choices, facts, get_run, list_runs, pause, where_is
from dbhealth.runs.lease import this_host
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import ACTIVE, ENDED, State
from dbhealth.saying.sentences import Sentence
from tests.moveapp.tools import (
    InThread,
    add_events,
    ago,
    archive,
    in_archive,
    keep_one,
    last_run,
)
from tests.runs.making import NOBODY, dead, do_after, go_on, hold_of, make, order_of, pause_after

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


@pytest.mark.parametrize("state", sorted(State))
def test_only_a_running_run_can_be_paused(state):
    run = make(state)
    if state == "running":
        assert pause("default", run.pk).state == "pausing"
        return
    with pytest.raises(IllegalMove) as refused:
        pause("default", run.pk)
    assert f"Run {run.pk} stays as it is. A run that is {state}" in str(refused.value)
    assert get_run("default", run.pk).state == state


CANCELLED = {
    **dict.fromkeys(["queued", "paused", "interrupted"], "cancelled"),
    **dict.fromkeys(["running", "pausing"], "cancelling"),
}


@pytest.mark.parametrize("state", sorted(State))
def test_cancelling_is_at_once_where_nobody_is_at_work(state):
    run = make(state)
    if state not in CANCELLED:
        with pytest.raises(IllegalMove):
            cancel("default", run.pk)
        assert get_run("default", run.pk).state == state
        return
    after = cancel("default", run.pk)
    assert after.state == CANCELLED[state]
    assert (after.finished_at is not None) == (after.state == "cancelled")
    # The process goes on to own a run that it is only asked to end.
    assert after.generation == run.generation + (after.state == "cancelled")
    assert facts(after) == facts(get_run("default", run.pk))


@pytest.mark.parametrize("state", ["running", "pausing", "cancelling"])
def test_a_run_of_a_dead_process_is_cancelled_at_once(state):
    run = dead(state)
    after = cancel("default", run.pk)
    assert (after.state, after.generation) == ("cancelled", run.generation + 2)
    assert after.finished_at is not None
    assert "had died" in after.error


def test_a_run_of_a_dead_process_cannot_be_paused_and_says_what_can_be_done():
    run = dead("running")
    with pytest.raises(IllegalMove) as refused:
        pause("default", run.pk)
    for words in (f"process {NOBODY}", "is dead", f"resume {run.pk}", f"cancel {run.pk}"):
        assert words in str(refused.value)
    assert get_run("default", run.pk).state == "running"


@pytest.mark.parametrize("deed", [pause, cancel, get_run])
def test_an_unknown_run_is_wrong_usage(deed):
    make("running")
    with pytest.raises(UsageError, match="no run 999"):
        deed("default", 999)


def test_a_run_of_another_alias_in_the_same_table_is_not_ours():
    run = make("running")
    MaintenanceRun.objects.update(database="other")
    with pytest.raises(UsageError):
        cancel("default", run.pk)


@pytest.mark.parametrize("state", sorted(ACTIVE | ENDED))
def test_what_can_be_done_is_what_does_not_raise(state):
    for insert in (make, dead):
        for name, deed in {"pause": pause, "cancel": cancel}.items():
            MaintenanceRun.objects.all().delete()
            run = insert(state)
            if name in choices(run):
                assert deed("default", run.pk).state != state
            else:
                with pytest.raises(IllegalMove):
                    deed("default", run.pk)


def test_runs_are_listed_newest_first_and_by_any_of_several_states():
    runs = [make(state, created_at=ago(days=9 - n)) for n, state in enumerate(sorted(ENDED))]
    other = make("running", target="move_visit", created_at=ago(days=20))
    assert list_runs("default") == [*reversed(runs), other]
    assert list_runs("default", limit=2) == [runs[3], runs[2]]
    assert list_runs("default", target="move_visit") == [other]
    assert list_runs("default", operation="archive", target="move_order") == []
    found = list_runs("default", state=["failed", "running"])
    assert {run.state for run in found} == {"failed", "running"}


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_run_is_found_in_whichever_database_it_is():
    run = make("failed")
    assert where_is(run.pk) == "default"
    MaintenanceRun(pk=run.pk, database="other", created_at=timezone.now()).save(using="other")
    with pytest.raises(UsageError, match="default, other: say which with --database"):
        where_is(run.pk)
    assert where_is(run.pk, "other") == "other"
    with pytest.raises(UsageError, match="no run 9999 in default, other"):
        where_is(9999)


def test_a_paused_run_ends_after_the_batch_at_work_and_keeps_its_place(events):
    result = do_after(1, lambda pk: pause("default", pk))
    run = last_run()
    # Asked for between two batches: the one that begins then still ends.
    assert (result["state"], result["stopped"], result["rows"]) == ("paused", "paused", 6)
    assert (run.state, run.rows_done, run.batches, run.finished_at) == ("paused", 6, 2, None)
    assert run.result["rows"] == 6
    with pytest.raises(Refused) as refused:
        archive()
    assert refused.value.refusals[0].code == "run-active"
    assert f"maintenance_runs resume {run.pk}" in str(refused.value)
    assert MaintenanceRun.objects.count() == 1


def test_a_wish_is_heard_between_tries_as_well_as_with_a_batch():
    run = begin(order_of(None))
    hold = hold_of(run)
    assert hold.beat() is State.RUNNING
    pause("default", run.pk)
    assert hold.beat() is State.PAUSING
    cancel("default", run.pk)
    assert hold.beat() is State.CANCELLING
    assert hold.record(1, [1], timezone.now()) is State.CANCELLING


def test_a_pause_against_the_very_last_batch_leaves_nothing_behind(events):
    # Heard with the last batch itself: paused, and done when it is resumed.
    result = do_after(3, lambda pk: pause("default", pk))
    assert (result["state"], result["rows"]) == ("paused", 10)
    assert (go_on(last_run().pk)["rows"], last_run().state) == (0, "succeeded")
    # Asked for behind the last batch: there is nothing to pause any more.
    add_events(range(21, 31))
    result = do_after(4, lambda pk: pause("default", pk))
    assert (result["state"], result["rows"]) == ("succeeded", 10)
    assert last_run().state == "succeeded"


@pytest.mark.parametrize("wish, meant, comes", [
    (cancel, State.PAUSED, "cancelled"),
    (cancel, State.INTERRUPTED, "cancelled"),
    (pause, State.INTERRUPTED, "paused"),
    (cancel, State.SUCCEEDED, "succeeded"),
    (pause, State.SUCCEEDED, "succeeded"),
    (pause, State.FAILED, "failed"),
])  # fmt: skip
def test_who_asked_last_gets_the_end_that_he_asked_for(wish, meant, comes):
    run = begin(order_of(None))
    hold = hold_of(run)
    if meant is State.PAUSED:
        pause("default", run.pk)
    wish("default", run.pk)
    assert hold.end(meant) == comes
    after = get_run("default", run.pk)
    assert (after.state, hold.run.state) == (comes, comes)
    assert (after.finished_at is None) == (comes == "paused")


def test_cancelling_a_pausing_run_ends_it_for_good(events):
    def both(pk):
        assert pause("default", pk).state == "pausing"
        assert cancel("default", pk).state == "cancelling"

    result = do_after(1, both)
    assert (result["state"], result["rows"], last_run().state) == ("cancelled", 6, "cancelled")
    assert archive()["rows"] == 4


def test_cancelling_a_paused_run_lets_the_next_one_begin(events):
    run = pause_after(1)
    after = cancel("default", run.pk)
    assert (after.state, after.rows_done) == ("cancelled", 6)
    result = archive()
    assert (result["resumed"], result["rows"]) == (False, 4)
    assert result["run"] != run.pk


def test_the_process_of_a_run_that_was_cancelled_at_once_cannot_write_any_more(events):
    def bury(pk):
        MaintenanceRun.objects.update(heartbeat_at=ago(days=1))
        assert cancel("default", pk).state == "cancelled"

    with pytest.raises(LostOwnership):
        do_after(1, bury)
    assert last_run().state == "cancelled"
    assert in_archive() == [1, 2, 3]


def test_a_cancelled_run_whose_process_died_is_not_carried_on_with(events):
    run = pause_after(1)
    MaintenanceRun.objects.update(state="cancelling", host=this_host(), pid=NOBODY)
    assert not archive(max_rows=1)["resumed"]
    after = get_run("default", run.pk)
    assert (after.state, after.rows_done) == ("cancelled", 6)
    assert "before it could obey" in after.error


def test_a_run_that_ends_while_it_is_being_cancelled_is_looked_at_again():
    run = begin(order_of(None))
    ended = []

    def end_it(execute, sql, params, many, context):
        # Between the look at the run and the change of it, outside of both transactions.
        reads_clock = "strftime" in sql or "clock_timestamp" in sql
        if reads_clock and not connection.in_atomic_block and not ended:
            ended.append(InThread(lambda: hold_of(run).end(State.SUCCEEDED)).result())
        return execute(sql, params, many, context)

    with (
        connection.execute_wrapper(end_it),
        pytest.raises(IllegalMove, match="succeeded cannot become cancelled"),
    ):
        cancel("default", run.pk)
    assert ended == ["succeeded"]


def test_a_dead_run_that_is_taken_over_while_it_is_being_cancelled_is_asked_and_not_buried():
    run = begin(order_of(None))
    MaintenanceRun.objects.update(heartbeat_at=ago(days=1))
    taken = []

    def take_over(execute, sql, params, many, context):
        reads_clock = "strftime" in sql or "clock_timestamp" in sql
        if reads_clock and not connection.in_atomic_block and not taken:
            changes = {"generation": run.generation + 1, "heartbeat_at": timezone.now()}
            taken.append(InThread(lambda: MaintenanceRun.objects.update(**changes)).result())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(take_over):
        after = cancel("default", run.pk)
    assert taken == [1]
    assert (after.state, after.generation) == ("cancelling", run.generation + 1)


def test_a_move_that_is_not_legal_is_refused_in_one_sentence_to_be_translated():
    run = make("failed")
    with pytest.raises(IllegalMove) as refused:
        pause("default", run.pk)
    (said,) = refused.value.args
    assert isinstance(said, Sentence)
    reason = said.values["reason"]
    assert reason == "A run that is failed cannot become pausing. That state is final."
    assert {name: type(value) for name, value in reason.values.items()} == {
        "before": Sentence,
        "after": Sentence,
    }
