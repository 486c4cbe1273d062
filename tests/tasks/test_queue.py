"""Queued runs: what is recorded, who takes them, and what ends one that nobody can take."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from dbhealth import starting
from dbhealth.archive.plan import Asked
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.registry import find
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import IllegalMove, Refused, UsageError
from dbhealth.maintenance.plan import Asked as VacuumAsked
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import cancel, choices, get_run
from dbhealth.runs.lease import this_host
from dbhealth.runs.models import MaintenanceRun, Trigger
from dbhealth.starting import Asker
from tests.indexes.building import TABLE, deeds, drop, names, whole
from tests.moveapp.models import EventArchive
from tests.moveapp.purging import add_archived, keep_some, old_ones
from tests.moveapp.tools import (
    add_events,
    archive,
    in_archive,
    in_source,
    keep_one,
)

__all__ = ["whole"]

pytestmark = pytest.mark.django_db(transaction=True)

ADA = Asker(name="ada")
EVENTS = "move_event"


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


def queued(**asked):
    return starting.archive("default", find(EVENTS), ADA, Asked(**asked))


def take(run, **around):
    """Execute a queued run as a worker does, and return its only entry and the run as it is."""
    result = resume_run("default", run.pk, Circumstances(**around))
    (entry,) = (result.get("tables") or result["databases"]).values()
    return entry, get_run("default", run.pk)


def test_a_queued_run_is_on_record_with_everything_that_was_asked(events):
    before = timezone.now()
    run = queued(max_rows=4, retention=timedelta(days=30))
    assert (run.state, run.trigger, run.started_by) == ("queued", Trigger.ADMIN, "ada")
    assert before - timedelta(seconds=5) < run.created_at < timezone.now() + timedelta(seconds=5)
    assert (run.started_at, run.pid, run.host, run.generation) == (None, None, "", 0)
    assert run.options["max_rows"] == 4
    assert run.options["terms"]["retention_seconds"] == 30 * 86_400
    assert choices(run) == ["resume", "cancel"]
    assert in_archive() == []


def test_whoever_takes_it_does_what_the_verb_itself_does(events):
    run = queued(max_rows=4)
    entry, after = take(run)
    direct = archive(max_rows=4)
    by_itself = get_run("default", direct["run"])
    assert (entry["run"], entry["resumed"], entry["rows"]) == (run.pk, False, 4)
    assert (after.state, after.rows_done, after.generation) == ("succeeded", 4, 1)
    assert (after.options, after.rows_expected) == (by_itself.options, 10)
    assert (after.trigger, after.started_by) == (Trigger.ADMIN, "ada")
    assert after.created_at <= after.started_at <= after.finished_at
    assert after.host == this_host()
    assert after.cutoff is not None
    assert set(EventArchive.objects.filter(pk__lte=4).values_list("archive_run", flat=True)) == {
        run.pk
    }


def test_a_purge_is_queued_and_taken():
    add_archived(range(1, 6))
    keep_some()
    asked = PurgeAsked(older_than=timedelta(days=3650), batch_size=2)
    run = starting.purge("default", find(EVENTS), ADA, asked)
    entry, after = take(run)
    assert (entry["rows"], after.state, after.rows_done, after.batches) == (5, "succeeded", 5, 3)
    assert after.target == "move_event_archive"
    assert old_ones() == []


def test_a_restoration_is_queued_and_taken(events):
    archive()
    run = starting.restore("default", find(EVENTS), ADA, Wanted(keys=("3", 5)))
    assert run.options["terms"]["keys"] == ["3", "5"]
    entry, after = take(run)
    assert (entry["rows"], after.state, after.rows_expected) == (2, "succeeded", 2)
    assert in_source() == [3, 5, 10**9]


@pytest.mark.parametrize("asked", [{}, {"analyze_only": True}, {"reindex": True}])
def test_upkeep_of_tables_is_queued_and_taken(asked):
    run = starting.vacuum("default", ADA, ["moveapp.Event"], VacuumAsked(**asked))
    assert run.options["terms"]["tables"] == [EVENTS]
    entry, after = take(run)
    assert (entry["state"], entry["resumed"], after.state) == ("succeeded", False, "succeeded")
    assert after.rows_done == after.rows_expected == len(entry["steps"]) > 0
    assert len(after.result["order"]) == after.rows_done


def test_a_plan_that_refuses_ends_the_queued_run_with_its_reasons():
    add_events(range(1, 4))
    run = queued()  # there is nothing that would stay
    entry, after = take(run)
    assert (entry["state"], after.state) == ("refused", "failed")
    (refusal,) = after.result["refusals"]
    assert refusal["code"] == "emptying"
    assert refusal["what"] in after.error
    assert after.started_at is None
    assert MaintenanceRun.objects.count() == 1


def test_a_second_one_is_refused_and_told_how_to_start_or_cancel_the_first(events):
    run = queued()
    for call in (queued, archive):
        with pytest.raises(Refused) as refused:
            call()
        (refusal,) = refused.value.refusals
        assert refusal.code == "run-active"
        assert f"{run.created_at:%Y-%m-%d %H:%M:%S}" in refusal.what
        assert f"maintenance_runs resume {run.pk} executes it" in refusal.instead
        assert f"maintenance_runs cancel {run.pk}" in refusal.instead
    assert MaintenanceRun.objects.count() == 1


def test_a_queued_run_that_is_cancelled_is_not_taken_any_more(events):
    run = queued()
    assert cancel("default", run.pk).state == "cancelled"
    with pytest.raises(IllegalMove):
        take(run)
    assert in_archive() == []
    assert archive()["rows"] == 10


def test_single_indexes_are_queued_and_made(whole):
    drop("book_cheap", "book_upper")
    run = starting.init_indexes("default", ADA, [TABLE], indexes=["book_upper", "book_none"])
    entry, after = take(run)
    assert deeds(entry) == [("create", "book_upper", "done"), ("analyze", "", "done")]
    assert names() == whole - {"book_cheap"}
    # What was named and is not there is said, and keeps nothing else from being made.
    assert [refusal["code"] for refusal in entry["refusals"]] == ["unknown-index"]
    assert (after.state, after.options["terms"]["indexes"]) == (
        "failed",
        ["book_none", "book_upper"],
    )
    run = starting.init_indexes("default", ADA, [TABLE])
    assert take(run)[1].state == "succeeded"
    assert names() == whole


def test_a_queued_run_in_a_request_with_a_transaction_comes_with_it_or_not_at_all(events):
    with transaction.atomic():
        run = queued()
        with pytest.raises(Refused):
            queued()
        transaction.set_rollback(True)
    assert not MaintenanceRun.objects.filter(pk=run.pk).exists()
    assert queued().state == "queued"


def test_what_makes_no_sense_is_not_queued():
    with pytest.raises(UsageError, match="not by where"):
        starting.restore("default", find(EVENTS), ADA, Wanted(where=Q(pk=1)))
    with pytest.raises(UsageError, match="Say which rows"):
        starting.restore("default", find(EVENTS), ADA, Wanted())
    with pytest.raises(UsageError, match="no table or model"):
        starting.vacuum("default", ADA, ["nothing"])
    with pytest.raises(UsageError, match="more than zero"):
        queued(max_rows=0)
    assert not MaintenanceRun.objects.exists()
