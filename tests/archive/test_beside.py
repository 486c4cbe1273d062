"""Verbs that would take each other's rows: the later one is refused, however close they are."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive import archive_table, restore
from dbhealth.archive.execute import TableRun
from dbhealth.archive.purge_execute import PurgeRun
from dbhealth.archive.registry import find
from dbhealth.archive.restore_run import RestoreRun
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from tests.famapp.models import Story
from tests.famapp.tools import OLD, YOUNG, story
from tests.moveapp.purging import add_archived, keep_some, purging
from tests.moveapp.tools import (
    PATIENCE,
    InThread,
    Listener,
    add_events,
    archive,
    in_archive,
    in_source,
    interrupted_run,
    keep_one,
    query,
)

pytestmark = pytest.mark.django_db(transaction=True)


def bring_back(listener=None):
    """Restore the rows of run 77 with somebody listening."""
    around = Circumstances(progress=listener or Listener())
    return RestoreRun(find("move_event"), "default", Wanted(run=77), around).execute()


VERBS = {
    "archive": (archive, TableRun),
    "purge": (purging, PurgeRun),
    "restore": (bring_back, RestoreRun),
}
PAIRS = [
    ("archive", "restore"),
    ("restore", "archive"),
    ("restore", "purge"),
    ("purge", "restore"),
    ("purge", "archive"),
]


@pytest.fixture
def rows():
    add_archived(range(101, 105), run=77)
    keep_some()
    add_events(range(1, 5))
    keep_one()


def stored():
    return in_source(), in_archive()


class AtWork:
    """A verb in a thread of its own that is at work, after its first batch, until it may end."""

    def __init__(self, verb):
        self.began, self.may_end = threading.Event(), threading.Event()
        self._thread = InThread(lambda: VERBS[verb][0](listener=Listener(self._batch)))

    def _batch(self, number):
        self.began.set()
        assert self.may_end.wait(PATIENCE)

    def result(self):
        self.may_end.set()
        return self._thread.result()


@pytest.mark.parametrize("late, early", PAIRS)
def test_one_that_begins_between_the_plan_and_the_claim_is_seen(late, early, rows, monkeypatch):
    work, kind = VERBS[late]
    claim, others = kind._claim, []

    def overtaken(self, *args):
        if not others:
            others.append(AtWork(early))
            assert others[0].began.wait(PATIENCE)
            others.append(stored())
        return claim(self, *args)

    monkeypatch.setattr(kind, "_claim", overtaken)
    with pytest.raises(Refused, match=rf"\({early} of \w+\) is running"):
        work()
    assert stored() == others[1]
    assert others[0].result()["state"] == "succeeded"
    told = MaintenanceRun.objects.get(operation=late)
    assert (told.state, told.rows_done) == ("failed", 0)
    assert told.result["refusals"][0]["what"] in told.error


@pytest.mark.parametrize("late, early", PAIRS)
def test_two_that_claim_at_the_same_moment_do_not_both_go_on(late, early, rows, monkeypatch):
    """The early one has looked and has not committed its run yet when the late one claims."""
    work, kind = VERBS[late]
    claim, beside, others = kind._claim, VERBS[early][1].beside, []
    looked, met = threading.Event(), threading.Event()

    def dwell(self, backend):
        found = beside(self, backend)
        if connection.in_atomic_block:  # with the claim, not with the plan
            looked.set()
            assert met.wait(PATIENCE)
        return found

    def at_the_same_time(self, *args):
        if not others:
            others.append(AtWork(early))
            assert looked.wait(PATIENCE)
        return claim(self, *args)

    def meet(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            met.set()
            assert others[0].began.wait(PATIENCE)
            raise

    if connection.vendor == "sqlite":
        query("PRAGMA busy_timeout = 50")
    monkeypatch.setattr(VERBS[early][1], "beside", dwell)
    monkeypatch.setattr(kind, "_claim", at_the_same_time)
    with (
        override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1}),
        connection.execute_wrapper(meet),
        pytest.raises(Refused, match=rf"\({early} of \w+\) is running"),
    ):
        work()
    assert met.is_set()
    assert others[0].result()["state"] == "succeeded"
    assert MaintenanceRun.objects.get(operation=late).rows_done == 0


def active(operation, target, **changes):
    now = timezone.now()
    facts = {"host": "elsewhere", "pid": 4, "created_at": now, "heartbeat_at": now} | changes
    facts = {"state": "running", "generation": 1, "database": "default", **facts}
    return MaintenanceRun.objects.create(operation=operation, target=target, **facts)


@pytest.mark.parametrize("state", ["running", "paused", "cancelling"])
def test_an_archive_run_is_refused_while_its_table_is_restored(state, rows):
    run = active("restore", "move_event", state=state)
    before = stored()
    planned = archive_table("move_event", dry_run=True)
    assert planned["state"] == "refused"
    with pytest.raises(Refused) as caught:
        archive()
    (reason,) = caught.value.refusals
    assert [reason.as_dict()] == planned["refusals"]
    assert reason.code == "being-restored"
    assert f"Run {run.pk} (restore of move_event) is {state}." in reason.what
    assert stored() == before


@pytest.mark.parametrize(
    "operation, target, changes",
    [
        ("restore", "move_visit", {}),
        ("restore", "move_event", {"database": "other"}),
        ("restore", "move_event", {"state": "interrupted"}),
        ("restore", "move_event", {"heartbeat_at": timezone.now() - timedelta(days=1)}),
        ("purge", "move_event_archive", {}),
    ],
    ids=["of another table", "of another database", "ended", "dead", "a purge"],
)
def test_a_run_that_brings_nothing_back_here_is_no_reason(operation, target, changes, rows):
    active(operation, target, **changes)
    assert archive()["rows"] == 4


def test_a_family_does_not_leave_while_one_of_its_tables_is_restored():
    story(chapters=[(OLD, [OLD])])
    story(YOUNG)
    active("restore", "famapp_line")
    with pytest.raises(Refused, match="restore of famapp_line"):
        archive_table(Story)
    MaintenanceRun.objects.filter(operation="restore").update(state="succeeded")
    assert archive_table(Story)["state"] == "succeeded"


def test_a_run_that_waits_keeps_its_place_when_another_verb_is_in_the_way(rows):
    waiting = interrupted_run()
    run = active("restore", "move_event")
    with pytest.raises(Refused, match="restore of move_event"):
        archive()
    run.delete()
    assert archive()["run"] == waiting.pk


def test_an_archive_run_that_begins_during_a_restore_is_refused(rows):
    refused = []

    def leave():
        with pytest.raises(Refused) as caught:
            archive()
        refused.extend(caught.value.refusals)

    assert bring_back(Listener(lambda number: InThread(leave).result()))["rows"] == 4
    assert [reason.code for reason in refused] == ["being-restored"]
    assert restore("move_event", run=77)["summary"]["total_records_restored"] == 0
