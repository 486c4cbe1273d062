"""Which rows come back: by run, by key, by time, by condition; and what is no choice."""

import uuid
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from dbhealth.archive import archive_table, restore
from dbhealth.exceptions import Refused, UsageError
from dbhealth.runs.models import MaintenanceRun
from tests.famapp.models import Chapter, Line, Picture, Story, StoryArchive
from tests.famapp.tools import archived as archived_families
from tests.famapp.tools import rows, story
from tests.restore.tools import OLD, YOUNG, archived, entry, keys, stored
from tests.testapp import models

pytestmark = pytest.mark.django_db(transaction=True)


def autokeys(*numbers):
    return archived(models.AutoKey, *(models.AutoKey(id=n, created_at=OLD) for n in numbers))


def test_only_the_rows_of_a_run_come_back():
    first, second = autokeys(1, 2), autokeys(3)
    assert entry("testapp_autokey", run=second)["rows"] == 1
    assert keys(models.AutoKey) == ([3], [1, 2])
    assert entry("testapp.AutoKeyArchive", run=first)["rows"] == 2
    assert keys(models.AutoKey) == ([1, 2, 3], [])


def test_a_second_restore_finds_nothing_and_does_nothing():
    run = autokeys(1, 2)
    assert entry(models.AutoKey, run=run)["rows"] == 2
    before = stored(models.AutoKey)
    again = entry(models.AutoKey, run=run)
    assert (again["state"], again["rows"], again["rows_eligible"]) == ("succeeded", 0, 0)
    assert stored(models.AutoKey) == before
    with pytest.raises(UsageError, match=f"No archive holds rows of run {run}"):
        restore(run=run)


@pytest.mark.parametrize(
    "model, rows, chosen",
    [
        (models.AutoKey, [{"id": n} for n in (1, 2, 3)], ["1", 3]),
        (models.UuidKey, [{"id": uuid.UUID(int=n)} for n in (1, 2)], [str(uuid.UUID(int=2))]),
        (models.TextKey, [{"name": name} for name in ("a", "b,c", "%s")], ["%s", "b,c"]),
        (
            models.CompositeKey,
            [{"region": "x", "number": n} for n in (1, 2)] + [{"region": "a,b", "number": 1}],
            [("x", "2"), ("a,b", 1)],
        ),
        (models.BytesKey, [{"digest": b"\x00"}, {"digest": b"b"}], [b"\x00"]),
        (models.MomentKey, [{"moment": OLD}, {"moment": YOUNG}], [OLD.isoformat()]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_rows_come_back_by_their_keys(model, rows, chosen):
    archived(model, *(model(created_at=OLD, **fields) for fields in rows))
    assert entry(model, keys=chosen)["rows"] == len(chosen)
    assert model.objects.count() == len(chosen)
    assert entry(model, where=Q(created_at__isnull=False))["rows"] == len(rows) - len(chosen)


def test_a_key_that_the_archive_does_not_have_is_none():
    autokeys(1)
    found = entry(models.AutoKey, keys=[2])
    assert (found["state"], found["rows_eligible"]) == ("succeeded", 0)


def test_the_time_is_that_of_archiving_from_since_to_before_until():
    autokeys(1, 2, 3, 4)
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    for number in (1, 2, 3, 4):
        moment = noon + timedelta(hours=number)
        models.AutoKeyArchive.objects.filter(pk=number).update(archived_at=moment)
    since, until = noon + timedelta(hours=2), noon + timedelta(hours=4)
    assert entry(models.AutoKey, since=since, until=until)["rows"] == 2
    assert keys(models.AutoKey) == ([2, 3], [1, 4])
    assert entry(models.AutoKey, since=until)["rows"] == 1
    assert entry(models.AutoKey, until=since)["rows"] == 1


def test_everything_that_is_given_must_hold():
    run = autokeys(1, 2, 3)
    autokeys(4)
    found = entry(models.AutoKey, run=run, keys=[1, 2, 4], where=Q(pk__gt=F("pk") - 1, pk__lt=2))
    assert found["rows"] == 1
    assert keys(models.AutoKey) == ([1], [2, 3, 4])


@pytest.mark.parametrize(
    "options, told",
    [
        ({}, "Say which rows are to come back"),
        ({"where": Q()}, "Say which rows are to come back"),
        ({"keys": ["x"]}, "'x' is no key of testapp_autokey"),
        ({"keys": [None]}, "cannot be NULL"),
        ({"keys": list(range(501))}, "501 keys are given"),
        ({"where": Q(nothing=1)}, "where does not fit"),
        ({"where": Q(archive_run__state="x")}, "of the archive table itself"),
        ({"where": Q(created_at__lt=Now())}, "may mean other rows at every moment"),
        ({"where": "id = 1"}, "where must be a Q"),
        ({"since": YOUNG, "until": OLD}, "since must lie before until"),
        ({"run": 0}, "run must be more than zero"),
        ({"run": 1, "max_rows": -1}, "max_rows must be more than zero"),
        ({"run": 1, "using": "nowhere"}, "There is no database 'nowhere'"),
    ],
)
def test_a_call_that_makes_no_sense_is_wrong_usage_and_leaves_no_run(options, told):
    autokeys(1)
    runs = MaintenanceRun.objects.count()
    with pytest.raises(UsageError, match=told):
        restore(models.AutoKey, **options)
    assert MaintenanceRun.objects.count() == runs
    assert keys(models.AutoKey) == ([], [1])


def test_a_composite_key_is_typed_with_commas_and_quotation_marks_as_in_csv():
    typed = {("a,b", 1): '"a,b",1', ("x", 2): "x,2", ('say "x"', 3): '"say ""x""",3'}
    rows = [models.CompositeKey(region=r, number=n, created_at=OLD) for r, n in typed]
    archived(models.CompositeKey, *rows)
    options = {"table": ["testapp_compositekey"], "no_progress": True, "stdout": StringIO()}
    call_command("restore_archive", pk=list(typed.values())[:2], **options)
    assert set(models.CompositeKey.objects.values_list("region", "number")) == set(list(typed)[:2])
    call_command("restore_archive", pk=list(typed.values())[2:], **options)
    assert keys(models.CompositeKey) == (sorted(typed), [])


def test_a_composite_key_wants_all_of_its_values():
    archived(models.CompositeKey, models.CompositeKey(region="x", number=1, created_at=OLD))
    for key in ("x", ("x",), ("x", 1, 2)):
        with pytest.raises(UsageError, match="is made of 2 values"):
            restore(models.CompositeKey, keys=[key])


def test_without_a_table_there_must_be_a_run_and_no_keys():
    for options in ({"keys": [1]}, {"since": OLD}, {"where": Q(pk=1)}):
        with pytest.raises(UsageError, match="Name a table, or a run"):
            restore(**options)
    run = archive_a_family()
    with pytest.raises(UsageError, match="Keys are those of one table"):
        restore(run=run, keys=[1])


def archive_a_family():
    for number in (1, 2):
        made = story(chapters=[(OLD, [OLD, OLD]), (None, [])], tags=number, pictures=1)
        lines = list(Line.objects.filter(chapter__story=made).order_by("-pk"))
        Line.objects.filter(pk=lines[1].pk).update(answers=lines[0])
    story(YOUNG, chapters=[(OLD, [OLD])])
    Chapter.objects.filter(written_at=None).delete()
    return archive_table(Story)["run"]


@pytest.mark.parametrize("batch_size", [1, None])
def test_a_family_comes_back_whole_parents_first(batch_size):
    run = archive_a_family()
    before, outside = rows(), archived_families()
    result = restore(run=run, batch_size=batch_size)
    order = list(result["tables"])
    for parent, child in (("story", "chapter"), ("chapter", "line"), ("chapter", "picture")):
        assert order.index(f"famapp_{parent}") < order.index(f"famapp_{child}")
    assert order.index("famapp_story") < order.index("famapp_story_tags")
    assert rows() == {source: before[source] + outside[source] for source in before}
    assert not any(archived_families().values())
    assert result["summary"]["total_records_restored"] == sum(
        each.total() for each in outside.values()
    )
    assert {each["state"] for each in result["tables"].values()} == {"succeeded"}


def test_nothing_of_a_family_comes_back_when_one_table_is_refused():
    run = archive_a_family()
    taken = StoryArchive.objects.earliest("pk")
    Story.objects.create(pk=taken.pk, created_at=YOUNG)
    before = rows(), archived_families()
    with pytest.raises(Refused) as refused:
        restore(run=run)
    assert [each.code for each in refused.value.refusals] == ["key-taken"]
    assert (rows(), archived_families()) == before
    told = MaintenanceRun.objects.filter(operation="restore").order_by("target")
    codes = {each.target: each.result["refusals"][0]["code"] for each in told}
    assert codes.pop("famapp_story") == "key-taken"
    assert set(codes.values()) == {"with-others"}


def test_children_alone_are_refused_while_their_parents_are_archived():
    run = archive_a_family()
    with pytest.raises(Refused, match="at a row that does not exist"):
        restore(Chapter, run=run)
    assert restore(Story, run=run)["summary"]["total_records_restored"] == 2
    assert restore(Chapter, run=run)["summary"]["total_records_restored"] == 2
    assert restore(run=run)["summary"]["tables_failed"] == 0
    assert not any(archived_families().values())


def test_children_wait_for_parents_that_are_not_done():
    run = archive_a_family()
    result = restore(run=run, max_rows=1)
    assert result["tables"]["famapp_story"]["stopped"] == "max-rows reached"
    waiting = result["tables"]["famapp_chapter"]
    assert waiting["stopped"].startswith("not begun: famapp_story, which it points at")
    assert archived_families()[Line].total() == 4
    while restore_goes_on(run):
        pass
    assert not any(archived_families().values())


def restore_goes_on(run):
    try:
        return restore(run=run, max_rows=1)["summary"]["total_records_restored"]
    except UsageError:  # nothing is left
        return 0


def test_a_dry_run_of_a_family_knows_who_comes_back_before_whom():
    run = archive_a_family()
    result = restore(run=run, dry_run=True)
    assert result["summary"]["tables_failed"] == 0
    assert result["tables"]["famapp_line"]["plan"]["rows_to_restore"] == 4
    assert Picture.objects.count() == 1


def test_rows_that_will_leave_again_are_counted():
    run = autokeys(1, 2)
    models.AutoKeyArchive.objects.filter(pk=1).update(created_at=YOUNG)
    for options in ({"dry_run": True}, {}):
        notes = entry(models.AutoKey, run=run, **options)["notes"]
        # On a new database the sequence goes on behind the keys that come back, and says so.
        assert "1 of these rows are past the retention of testapp_autokey" in notes[0]
        assert all("sequence" in note for note in notes[1:]), notes
    assert archive_table(models.AutoKey)["rows"] == 1


def test_it_is_refused_inside_a_transaction():
    run = autokeys(1)
    with transaction.atomic(), pytest.raises(Refused, match="A transaction is open"):
        restore(models.AutoKey, run=run)
    assert keys(models.AutoKey) == ([], [1])


def test_rows_that_managers_hide_come_back():
    run = archived(models.Hidden, models.Hidden(created_at=OLD, deleted=True))
    assert entry(models.Hidden, run=run)["rows"] == 1
    assert models.Hidden._base_manager.count() == 0
    assert stored(models.Hidden)[0].total() == 1


def test_a_day_is_no_moment_and_stays_what_it_was():
    run = archived(models.ByDay, models.ByDay(day=date(2016, 2, 29)))
    assert entry(models.ByDay, run=run)["rows"] == 1
    assert models.ByDay.objects.get().day == date(2016, 2, 29)
