"""Queued runs that nobody takes, that cannot begin, that are asked for again."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import timezone

from dbhealth import starting
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.exceptions import ConfigurationError, IllegalMove, Refused
from dbhealth.recipes import resume_run
from dbhealth.runs import background
from dbhealth.runs.background import Executor, start
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import facts, get_run
from dbhealth.runs.models import MaintenanceRun, Trigger
from dbhealth.runs.queue import end_queued
from dbhealth.runs.standing import standing_of
from dbhealth.starting import Asker
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import (
    add_events,
    archive,
    in_archive,
    in_source,
    interrupted_run,
    keep_one,
    schema,
    stopped,
)
from tests.runs.making import dead, make, pause_after

pytestmark = pytest.mark.django_db(transaction=True)

ADA, GRACE = Asker(name="ada"), Asker(name="grace", trigger=Trigger.API)


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


@pytest.fixture
def executors():
    """Put the executor of the project back after the test."""
    before = list(background._choices)
    yield
    background._choices[:] = before


def queued(**asked):
    return starting.archive("default", find("move_event"), ADA, Asked(**asked))


def take(run, **around):
    resume_run("default", run.pk, Circumstances(**around))
    return get_run("default", run.pk)


def test_a_table_that_is_not_there_ends_the_queued_run():
    with schema(
        setup=["ALTER TABLE move_event RENAME TO move_event_away"],
        undo=["ALTER TABLE move_event_away RENAME TO move_event"],
    ):
        after = take(queued())
    assert after.state == "failed"
    assert "move_event" in after.error
    assert after.result["refusals"]
    assert MaintenanceRun.objects.count() == 1


def spoiled(*marks):
    """Return a wrapper that has the database refuse the statements in which a mark occurs."""

    def execute(call, sql, params, many, context):
        if any(mark in sql for mark in marks):
            return call("SELECT nonsense FROM nowhere", None, many, context)
        return call(sql, params, many, context)

    return connection.execute_wrapper(execute)


def test_an_error_of_the_database_while_it_is_planned_ends_the_queued_run(events):
    runs = {
        queued(): 'FROM "move_event"',
        starting.vacuum("default", ADA, ["move_event"]): "pg_stat_get_dead_tuples",
    }
    for run, mark in runs.items():
        with spoiled(mark, "page_count"):
            after = take(run)
        assert (after.state, after.started_at) == ("failed", None)
        assert "nowhere" in after.error
        assert "nowhere" in after.traceback
    assert MaintenanceRun.objects.count() == 2


def test_an_archive_that_is_not_declared_any_more_ends_the_queued_run():
    run = make("queued", generation=0, options={"terms": {"archive": "move_event_attic"}})
    with pytest.raises(IllegalMove, match="move_event_attic"):
        take(run)
    after = get_run("default", run.pk)
    assert after.state == "failed"
    assert "move_event_attic" in after.error


def test_a_signal_before_the_beginning_ends_the_queued_run(events):
    after = take(queued(), stop=stopped())
    assert (after.state, after.started_at) == ("failed", None)
    assert "told to stop before it had begun" in after.error
    assert in_archive() == []


def test_a_run_that_was_taken_meanwhile_is_left_to_who_has_it(events):
    run = queued()
    taken = {"state": "running", "generation": 1, "heartbeat_at": timezone.now()}
    MaintenanceRun.objects.update(host="elsewhere", pid=1, **taken)
    entry = resume_run("default", run.pk, Circumstances())["tables"]["move_event"]
    assert [refusal["code"] for refusal in entry["refusals"]] == ["run-active"]
    end_queued("default", run.pk, "It did not begin.")
    after = get_run("default", run.pk)
    assert (after.state, after.generation, after.error) == ("running", 1, "")


def test_a_run_that_is_queued_again_is_left_to_its_next_process(events):
    left = pause_after(1)
    run = starting.carry_on("default", left.pk, ADA)
    end_queued("default", run.pk, "The process before has ended.", generation=left.generation)
    assert get_run("default", run.pk).state == "queued"
    end_queued("default", run.pk, "This process has ended.", generation=run.generation)
    assert get_run("default", run.pk).error == "This process has ended."


def test_an_order_carries_on_with_an_interrupted_run_of_the_same_terms(events):
    left = interrupted_run(batch_size=3)
    run = queued(batch_size=5)
    assert (run.pk, run.state, run.started_by) == (left.pk, "queued", "ada")
    assert (run.finished_at, run.options["batch_size"]) == (None, 5)
    after = take(run)
    assert (after.state, after.cutoff, after.started_at) == (
        "succeeded",
        left.cutoff,
        left.started_at,
    )
    assert (after.trigger, after.batches) == (Trigger.ADMIN, 2)


def test_an_order_of_other_terms_gives_an_interrupted_run_up(events):
    left = interrupted_run()
    run = queued(retention=timedelta(days=39))
    assert run.pk != left.pk
    assert get_run("default", left.pk).state == "cancelled"


def test_a_paused_run_is_queued_and_carried_on_with_after_its_last_row(events):
    paused = pause_after(1)
    run = starting.carry_on("default", paused.pk, ADA)
    assert (run.state, run.rows_done, run.started_by) == ("queued", 6, "ada")
    assert starting.carry_on("default", paused.pk, GRACE).started_by == "ada"  # as it is
    with pytest.raises(Refused, match="is queued, since"):
        archive()
    after = take(run)
    assert (after.state, after.rows_done, after.cutoff) == ("succeeded", 10, paused.cutoff)
    assert set(EventArchive.objects.values_list("archive_run", flat=True)) == {run.pk}


def test_a_run_that_cannot_be_carried_on_with_stands_where_it_stood(events):
    run = starting.carry_on("default", pause_after(1).pk, ADA)
    after = take(run, stop=stopped())
    assert (after.state, after.rows_done) == ("interrupted", 6)
    assert "before it had begun" in after.error
    assert archive()["run"] == run.pk
    assert in_source() == [10**9]


def test_what_the_verb_does_not_know_of_stays_with_the_options_of_a_run(events):
    run = queued(max_rows=6)
    MaintenanceRun.objects.update(options=run.options | {"then": [7]})
    after = take(run)
    assert (after.options["then"], after.options["max_rows"]) == ([7], 6)
    MaintenanceRun.objects.update(state="interrupted")
    again = take(starting.carry_on("default", run.pk, ADA))  # the bound is met already
    assert (again.options["then"], again.options["max_rows"]) == ([7], 6)
    assert again.rows_done == 6


def test_a_dead_run_is_queued_again(events):
    run = dead("running")
    again = starting.retry("default", run.pk, ADA)
    assert (again.pk, again.state, again.generation) == (run.pk, "queued", run.generation + 2)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_has_failed_or_was_cancelled_is_tried_again_as_it_was_asked_for(state, events):
    before = queued(max_rows=4, retention=timedelta(days=35))
    MaintenanceRun.objects.update(state=state)
    run = starting.retry("default", before.pk, GRACE)
    assert run.pk != before.pk
    assert (run.options, run.target) == (before.options, before.target)
    assert (run.trigger, run.started_by) == (Trigger.API, "grace")
    assert take(run).rows_done == 4
    with pytest.raises(IllegalMove, match="has succeeded"):
        starting.retry("default", run.pk, GRACE)


def test_what_is_at_work_is_not_tried_again(events):
    run = make("running", heartbeat_at=timezone.now())
    for deed in (starting.retry, starting.carry_on):
        with pytest.raises(IllegalMove):
            deed("default", run.pk, ADA)


def test_a_run_that_nobody_takes_says_so(events, capsys):
    run = queued()
    assert standing_of(run).kind == "queued"
    MaintenanceRun.objects.update(created_at=run.created_at - timedelta(minutes=5))
    told = facts(get_run("default", run.pk))["standing"]
    assert told["kind"] == "untaken"
    assert "nobody has taken it" in told["sentence"]
    assert f"maintenance_runs resume {run.pk} executes it here" in told["sentence"]
    call_command("maintenance_runs", "--database", "default")
    call_command("maintenance_runs", "show", str(run.pk), "--database", "default")
    shown = " ".join(capsys.readouterr().out.split())  # however the lines are broken
    assert "queued, not taken" in shown
    assert "nobody has taken it" in shown
    call_command("maintenance_runs", "resume", str(run.pk), "--database", "default")
    assert get_run("default", run.pk).started_by == "ada"
    assert in_source() == [10**9]


@pytest.mark.parametrize(
    "state, kind, word",
    [
        ("running", "working", "last sign of life"),
        ("paused", "paused", "resume"),
        ("interrupted", "interrupted", "nobody works on it"),
        ("failed", "ended", "failed"),
    ],
)
def test_every_state_has_a_sentence(state, kind, word):
    found = standing_of(make(state))
    assert found.kind == kind
    assert word in found.sentence


def test_an_executor_that_fails_ends_the_run(events, executors):
    def launch(alias, pk):
        raise ConnectionError("no broker")

    background.register(lambda: Executor(name="tasks", text="nowhere", launch=launch))
    run = queued()
    start(run)
    after = get_run("default", run.pk)
    assert after.state == "failed"
    assert after.error == "It could not be started. ConnectionError: no broker"


def test_without_an_executor_the_run_ends(events, executors):
    def choose():
        raise ConfigurationError("There is none.")

    background.register(choose)
    run = queued()
    with pytest.raises(ConfigurationError):
        start(run)
    assert get_run("default", run.pk).error == "There is none."


def order(request):
    """Order a run and start it, as a page does; fail afterwards where that is asked for."""
    run = queued()
    sentence = start(run).sentence
    if "fail" in request.GET:
        raise ValueError("the page is broken")
    return HttpResponse(sentence)


urlpatterns = [path("order", order)]


@override_settings(ROOT_URLCONF=__name__)
def test_a_request_with_a_transaction_starts_its_run_when_it_has_succeeded(
    events, executors, client, monkeypatch
):
    started = []
    background.register(lambda: Executor(name="tasks", text="here", launch=seen(started)))
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client.raise_request_exception = False
    assert client.get("/order?fail").status_code == 500
    assert (started, MaintenanceRun.objects.count()) == ([], 0)
    answer = client.get("/order")
    run = MaintenanceRun.objects.get()
    assert answer.content.decode() == f"Run {run.pk} is executed here."
    assert started == [("default", run.pk, False)]


def seen(started):
    """Return a launch that keeps what it is given, and whether a transaction was open."""
    return lambda alias, pk: started.append((alias, pk, connection.in_atomic_block))
