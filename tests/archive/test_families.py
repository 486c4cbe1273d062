"""Rows that leave together: who goes along, who holds back, who stands in the way."""

import pytest

from dbhealth.archive import archive_all_tables, archive_table
from dbhealth.exceptions import Refused
from dbhealth.runs.models import MaintenanceRun
from tests.famapp.models import (
    Case,
    CaseArchive,
    Chapter,
    ChapterArchive,
    Line,
    LineArchive,
    Paper,
    PaperArchive,
    Picture,
    PictureArchive,
    Star,
    Story,
    StoryArchive,
    StoryTagArchive,
)
from tests.famapp.tools import OLD, YOUNG, archived, keys, rows, story, together
from tests.testapp import raw

pytestmark = pytest.mark.django_db(transaction=True)


def test_everything_below_a_row_leaves_with_it_byte_by_byte():
    story(chapters=[(OLD, [OLD, OLD]), (OLD, [])], tags=2, pictures=1)
    stays = story(YOUNG, chapters=[(OLD, [OLD])], tags=1, pictures=1)
    before, kept = rows(), {Story: keys(Story), Chapter: keys(Chapter)}
    result = archive_table(Story)
    assert result["rows"] == result["rows_eligible"] == 1 + 2 + 2 + 3 + 2
    assert result["rows_by_table"] == {
        "famapp_story": 1,
        "famapp_chapter": 2,
        "famapp_line": 2,
        "famapp_picture": 3,
        "famapp_story_tags": 2,
    }
    assert together() == before
    assert keys(Story) == {stays.pk}
    assert keys(StoryArchive) == kept[Story] - {stays.pk}
    assert keys(ChapterArchive) == kept[Chapter] - keys(Chapter)
    assert keys(Chapter) == {chapter.pk for chapter in stays.chapter_set.all()}
    run = MaintenanceRun.objects.get(pk=result["run"])
    assert run.rows_done == run.rows_expected == result["rows"]
    for model in (StoryArchive, ChapterArchive, LineArchive, PictureArchive, StoryTagArchive):
        assert set(model.objects.values_list("archive_run", flat=True)) == {run.pk}


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_families_move_whole_in_batches_of_any_size(batch_size):
    for number in range(6):
        story(chapters=[(OLD, [OLD] * number)] * (number % 3), pictures=number)
    story(YOUNG)
    before = rows()
    archive_table(Story, batch_size=batch_size)
    assert together() == before
    assert Story.objects.count() == 1
    assert not Line.objects.exists()


@pytest.mark.parametrize(
    "chapters",
    [
        [(YOUNG, [])],
        [(None, [])],
        [(OLD, [OLD, YOUNG])],
        [(OLD, [OLD]), (OLD, [YOUNG])],
    ],
)
def test_a_younger_row_below_holds_a_row_back(chapters):
    held, leaves = story(chapters=chapters), story(chapters=[(OLD, [OLD])])
    before = rows()
    dry = archive_table(Story, dry_run=True, allow_emptying=True)
    result = archive_table(Story, allow_emptying=True)
    assert keys(Story) == {held.pk}
    assert keys(StoryArchive) == {leaves.pk}
    assert dry["plan"]["rows_held_back"] == 1
    assert result["rows"] == dry["plan"]["rows_to_move"] == 4
    assert together() == before
    assert Chapter.objects.count() == len(chapters)


def test_an_answer_in_another_story_goes_along_and_holds_back_when_it_is_younger():
    first, second = story(chapters=[(OLD, [OLD])]), story(YOUNG, chapters=[(YOUNG, [])])
    line, other = Line.objects.get(), second.chapter_set.get()
    answer = Line.objects.create(chapter=other, answers=line, said_at=YOUNG)
    assert archive_table(Story)["rows"] == 0
    Line.objects.filter(pk=answer.pk).update(said_at=OLD)
    before = rows()
    archive_table(Story)
    assert together() == before
    assert keys(LineArchive) == {line.pk, answer.pk}
    assert keys(StoryArchive) == {first.pk}


def test_a_child_without_an_age_never_holds_back():
    story(pictures=3)
    story(YOUNG)
    assert archive_table(Story)["rows"] == 4
    assert PictureArchive.objects.count() == 3


def test_with_move_what_is_younger_leaves_too():
    case = Case.objects.create(opened_at=OLD)
    inner = Case.objects.create(opened_at=YOUNG, part_of=case)
    Paper.objects.create(case=case, filed_at=YOUNG)
    Paper.objects.create(case=inner, filed_at=YOUNG)
    Case.objects.create(opened_at=YOUNG)
    before = rows()
    assert archive_table(Case)["rows"] == 4
    assert keys(CaseArchive) == {case.pk, inner.pk}
    assert PaperArchive.objects.count() == 2
    assert together() == before


def test_with_move_a_where_of_the_child_still_holds():
    case = Case.objects.create(opened_at=OLD)
    Case.objects.create(opened_at=YOUNG)
    Paper.objects.create(case=case, filed_at=OLD, is_sealed=True)
    assert archive_table(Case)["rows"] == 0
    Paper.objects.update(is_sealed=False)
    assert archive_table(Case)["rows"] == 2


def test_rows_that_nothing_archives_refuse_the_family_they_point_at():
    story(chapters=[(OLD, [OLD])])
    story(YOUNG)
    Star.objects.create(line=Line.objects.get())
    before = rows()
    with pytest.raises(Refused, match=r"1 row of famapp\.Star\.line points at rows") as caught:
        archive_table(Story)
    (refusal,) = caught.value.refusals
    assert refusal.code == "referenced"
    assert "children=" in refusal.instead
    assert "on_delete=CASCADE" in refusal.why
    assert rows() == before


def test_a_star_on_a_line_that_stays_is_in_nobodys_way():
    story(chapters=[(OLD, [OLD])])
    kept = story(YOUNG, chapters=[(YOUNG, [YOUNG])])
    Star.objects.create(line=Line.objects.get(chapter__story=kept))
    assert archive_table(Story)["rows"] == 4


def test_a_huge_family_leaves_in_one_transaction_and_says_so():
    story(chapters=[(OLD, [OLD] * 20)])
    for _ in range(3):
        story()
    story(YOUNG)
    result = archive_table(Story, batch_size=5)
    assert result["rows"] == 23 + 3
    assert any("23 rows, more than a batch of 5" in note for note in result["notes"])
    assert result["batches"] <= 4


def test_what_leaves_with_its_parents_only_is_not_archived_alone():
    story(chapters=[(OLD, [OLD])])
    story(YOUNG)
    with pytest.raises(Refused, match="leave only with the rows of famapp_chapter"):
        archive_table(Line)
    dry = archive_table(Picture, dry_run=True)
    assert (dry["state"], dry["refusals"][0]["code"]) == ("refused", "only-with-parents")
    result = archive_all_tables()
    assert "famapp_line" not in result["tables"]
    assert result["tables"]["famapp_story"]["rows"] == 4


def test_a_child_with_a_retention_leaves_alone_as_well():
    case = Case.objects.create(opened_at=YOUNG)
    paper = Paper.objects.create(case=case, filed_at=OLD)
    Paper.objects.create(case=case, filed_at=YOUNG)
    archive_table(Paper)
    assert keys(PaperArchive) == {paper.pk}
    assert Case.objects.exists()


def test_the_dry_run_shows_the_tree_and_writes_nothing():
    story(chapters=[(OLD, [OLD, OLD])], tags=1, pictures=1)
    story(YOUNG)
    before = rows()
    plan = archive_table(Story, dry_run=True)["plan"]
    assert rows() == before
    assert not MaintenanceRun.objects.exists()
    assert not any(archived().values())
    tree = plan["family"]
    assert (tree["table"], tree["rows"]) == ("famapp_story", 1)
    below = {child["table"]: child for child in tree["children"]}
    assert {name: child["rows"] for name, child in below.items()} == {
        "famapp_chapter": 1,
        "famapp_picture": 2,
        "famapp_story_tags": 1,
    }
    chapter = below["famapp_chapter"]
    assert chapter["by"] == "famapp.Chapter.story (CASCADE)"
    lines = {child["table"]: child["rows"] for child in chapter["children"]}
    assert lines == {"famapp_line": 2, "famapp_picture": 2}
    assert plan["rows_to_move"] == 7
    assert any("on_delete=PROTECT" in note for note in plan["notes"])
    assert any("on_delete=SET_NULL" in note for note in plan["notes"])


def test_tables_that_point_at_each_other_in_a_ring_are_refused():
    """Only the database knows of the reference that closes the ring."""
    story(chapters=[(OLD, [OLD])])
    story(YOUNG)
    raw.execute("ALTER TABLE famapp_story ADD COLUMN best bigint NULL REFERENCES famapp_line (id)")
    raw.execute("ALTER TABLE famapp_story_archive ADD COLUMN best bigint NULL")
    try:
        with pytest.raises(Refused, match="point at each other") as caught:
            archive_table(Story)
    finally:
        raw.execute("ALTER TABLE famapp_story_archive DROP COLUMN best")
        raw.execute("ALTER TABLE famapp_story DROP COLUMN best")
    assert [refusal.code for refusal in caught.value.refusals] == ["ring"]
    assert Story.objects.count() == 2
