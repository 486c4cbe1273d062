"""A run of several tables that is restored in the background: a queued run each, in order."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dbhealth import starting
from dbhealth.archive import archive_table
from dbhealth.archive.registry import find
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import Refused, UsageError
from dbhealth.models import MaintenanceRun
from dbhealth.recipes import resume_run
from dbhealth.runs import control
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.standing import Kind, standing_of
from dbhealth.runs.states import State
from tests.famapp.models import Chapter, ChapterArchive, Line, LineArchive, Story, StoryArchive
from tests.moveapp.tools import Listener

pytestmark = pytest.mark.django_db

ASKER = starting.Asker(name="anna")
TABLES = ["famapp_story", "famapp_chapter", "famapp_line"]


@pytest.fixture
def run(settings):
    """Archive three stories with a chapter and a line each, and return the run's number."""
    settings.DBHEALTH = {"ARCHIVE_BATCH_SIZE": 1, "ARCHIVE_BATCH_FLOOR": 1}
    old = timezone.now() - timedelta(days=200)
    Story.objects.create(created_at=timezone.now())
    for _ in range(3):
        chapter = Chapter.objects.create(story=Story.objects.create(created_at=old), written_at=old)
        Line.objects.create(chapter=chapter, said_at=old)
    return archive_table(Story)["run"]


def queue(run):
    return starting.restore_run("default", ASKER, Wanted(run=run))


def states():
    runs = MaintenanceRun.objects.filter(operation="restore").order_by("pk")
    return {each.target: each.state for each in runs}


def execute(run, **around):
    return resume_run("default", run.pk, Circumstances(**around))


def in_archives():
    return [model.objects.count() for model in (StoryArchive, ChapterArchive, LineArchive)]


def test_each_table_has_its_run_and_the_first_takes_the_others_after_it(run):
    first, *others = queue(run)
    assert [each.target for each in (first, *others)] == TABLES
    assert first.options["then"] == [each.pk for each in others]
    later = timezone.now() + timedelta(hours=2)
    said = f"follows run {first.pk} (queued)."
    assert all(standing_of(each, later).sentence.endswith(said) for each in others)
    assert standing_of(first, later).kind == Kind.UNTAKEN
    assert set(states().values()) == {State.QUEUED}
    found = execute(first)
    assert list(found["tables"]) == TABLES
    assert found["summary"]["total_records_restored"] == 9
    assert set(states().values()) == {State.SUCCEEDED}
    assert in_archives() == [0, 0, 0]


def test_a_table_that_is_being_restored_already_keeps_all_from_being_queued(run):
    starting.restore("default", find(Chapter), ASKER, Wanted(run=run))
    with pytest.raises(Refused, match="famapp_chapter"):
        queue(run)
    assert states() == {"famapp_chapter": State.QUEUED, "famapp_line": State.FAILED}
    line = MaintenanceRun.objects.get(target="famapp_line")
    assert "famapp_chapter was refused" in line.error


def test_children_wait_while_their_parents_pause_and_come_when_these_are_resumed(run):
    first, *_ = queue(run)
    pausing = Listener(lambda number: control.pause("default", first.pk) if number == 1 else None)
    execute(first, progress=pausing)
    assert states() == dict(zip(TABLES, [State.PAUSED, State.QUEUED, State.QUEUED], strict=True))
    assert in_archives() == [1, 3, 3]
    execute(first)
    assert set(states().values()) == {State.SUCCEEDED}
    assert in_archives() == [0, 0, 0]


def test_children_are_given_up_with_their_parents(run):
    first, *_ = queue(run)
    ending = Listener(lambda number: control.cancel("default", first.pk) if number == 1 else None)
    execute(first, progress=ending)
    assert states() == dict(zip(TABLES, [State.CANCELLED, State.FAILED, State.FAILED], strict=True))
    assert in_archives() == [1, 3, 3]


def test_a_child_that_somebody_has_cancelled_is_left_out(run):
    first, _second, third = queue(run)
    control.cancel("default", third.pk)
    execute(first)
    assert in_archives() == [0, 0, 3]


def test_a_run_that_no_archive_knows_is_a_usage_error():
    with pytest.raises(UsageError, match="No archive holds rows of run 999"):
        queue(999)
