"""Verifying a run after others took rows out of its archive: each table answers for its own."""

import pytest
from django.utils import timezone

from dbhealth.archive import archive_table, restore, verify_run
from dbhealth.runs.models import MaintenanceRun
from tests.famapp.models import LineArchive, Story, StoryArchive
from tests.famapp.tools import OLD, YOUNG, story
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import add_events, archive, keep_one

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events():
    add_events(range(1, 13))
    keep_one()


def verified(run):
    return verify_run(run, using="default")


def of_event(found):
    """Return what was found of the table of events."""
    return found["tables"]["move_event"]


LATER = [("restore", "move_event"), ("purge", "move_event_archive")]


def on_record(operation, target, run, rows):
    """Leave a later run of another verb that took so many rows, which ``run`` had archived."""
    MaintenanceRun.objects.create(
        operation=operation,
        database="default",
        target=target,
        state="succeeded",
        created_at=timezone.now(),
        rows_done=rows,
        options={"terms": {"run": run}},
        result={"purged": {str(run): rows}} if operation == "purge" else {},
    )


@pytest.mark.parametrize("operation, target", LATER)
def test_rows_that_a_later_run_took_away_are_told_apart(events, operation, target):
    run = archive()["run"]
    EventArchive.objects.filter(pk__in=[3, 4]).delete()
    on_record(operation, target, run, rows=2)
    event = of_event(verified(run))
    assert event["state"] == "reduced"
    assert "Rows missing: 2" in event["reason"]
    assert not verified(run)["ok"]
    EventArchive.objects.filter(pk=5).delete()
    assert of_event(verified(run))["state"] == "differs", "a third one is on nobody's record"


@pytest.mark.parametrize("operation, target", LATER)
def test_what_was_taken_of_another_run_explains_nothing(events, operation, target):
    run = archive()["run"]
    EventArchive.objects.filter(pk__in=[3, 4]).delete()
    on_record(operation, target, run + 1, rows=2)
    assert of_event(verified(run))["state"] == "differs"


def test_a_restore_that_chose_by_key_explains_the_rows_that_are_missing(events):
    run = archive()["run"]
    restore("move_event", keys=[3, 4])
    event = of_event(verified(run))
    assert event["state"] == "reduced"
    assert "Rows missing: 2. Since then restores took 2 and purges 0" in event["reason"]


def test_each_table_of_a_family_answers_for_the_rows_that_were_taken_from_it():
    story(chapters=[(OLD, [OLD, OLD]), (OLD, [])], pictures=2)
    story(YOUNG)
    run = archive_table(Story)["run"]
    restore(Story, keys=[StoryArchive.objects.get().pk])
    LineArchive.objects.first().delete()
    states = {table: verdict["state"] for table, verdict in verified(run)["tables"].items()}
    assert states.pop("famapp_story") == "reduced"
    assert states.pop("famapp_line") == "differs", "what came back to another table is no excuse"
    assert set(states.values()) == {"verified"}
