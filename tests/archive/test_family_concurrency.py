"""Others write to a family while it is moved: all of it leaves or all of it stays, in its newest
version, and nothing is left pointing at nothing.

The batch is held in its middle: it has copied everything and waits for the row that it deletes
first, which somebody holds locked. What is done and committed meanwhile it has not seen.
"""

from contextlib import ExitStack, contextmanager
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from dbhealth.exceptions import Refused
from tests.famapp.models import (
    Case,
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
    Tag,
)
from tests.famapp.tools import OLD, YOUNG, archived, keys, rows, story, together
from tests.moveapp.tools import (
    InThread,
    Listener,
    archive,
    last_run,
    query,
    second_session,
    wait_until,
    waiting_sessions,
)
from tests.servers.waiting import WAITING

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

PATIENT = {"LOCK_TIMEOUT": 20.0, "STATEMENT_TIMEOUT": 25.0}
HASTY = {"LOCK_TIMEOUT": 0.05, "BATCH_RETRIES": 3}


@pytest.fixture
def tale():
    """Make a story that may leave, with rows in every table, and one that stays."""
    made = story(chapters=[(OLD, [OLD, OLD]), (OLD, [OLD])], tags=2, pictures=1)
    story(YOUNG, chapters=[(YOUNG, [YOUNG])], tags=1)
    return made


def run(**asked):
    return archive("famapp_story", **asked)


def hold(model, key):
    query(f"SELECT id FROM {model._meta.db_table} WHERE id = %s FOR UPDATE", key)


def in_the_middle_of_a_batch(act):
    """Let a run wait in its batch for a row, do something in another session, let it go on."""
    with override_settings(DBHEALTH=PATIENT):
        with transaction.atomic():
            hold(Line, min(keys(Line)))
            thread = InThread(run)
            wait_until(waiting_sessions, "the batch waits for the line")
            InThread(act).result()
        return thread.result()


def assert_nothing_dangles():
    """Every reference of a row that stayed leads to a row that stayed."""
    for child, column, parent in (
        ("chapter", "story_id", "story"),
        ("line", "chapter_id", "chapter"),
        ("line", "answers_id", "line"),
        ("picture", "story_id", "story"),
        ("picture", "chapter_id", "chapter"),
        ("story_tags", "story_id", "story"),
    ):
        found = query(
            f"SELECT count(*) FROM famapp_{child} c WHERE {column} IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM famapp_{parent} p WHERE p.id = c.{column})"
        )
        assert found == [(0,)], f"{child}.{column}"


def later_chapter(moment):
    def act():
        Chapter.objects.create(pk=900, story_id=min(keys(Story)), written_at=moment)

    return act


def later_line(moment):
    def act():
        Line.objects.create(pk=900, chapter_id=min(keys(Chapter)), said_at=moment)

    return act


def later_picture():
    Picture.objects.create(pk=900, story_id=min(keys(Story)))


def later_tag():
    Story.objects.get(pk=min(keys(Story))).tags.add(Tag.objects.create(name="late"))


def answer_from_elsewhere():
    elsewhere = max(keys(Chapter))
    Line.objects.create(pk=900, chapter_id=elsewhere, answers_id=max_old(), said_at=OLD)


def max_old():
    return max(Line.objects.filter(said_at=OLD).values_list("pk", flat=True))


def reword():
    Line.objects.filter(pk=max_old()).update(text="newest")


def reword_first():
    Line.objects.filter(pk=min(keys(Line)) + 1).update(text="newest")


def repoint_into():
    """Let a picture of nobody become one of the story that is about to leave."""
    Picture.objects.filter(pk=800).update(story_id=min(keys(Story)))


def delete_line():
    Line.objects.filter(pk=max_old())._raw_delete("default")


def delete_picture():
    Picture.objects.filter(story_id=min(keys(Story)), chapter=None)._raw_delete("default")


def make_line_young():
    Line.objects.filter(pk=max_old()).update(said_at=YOUNG)


def make_chapter_ageless():
    Chapter.objects.filter(pk=min(keys(Chapter))).update(written_at=None)


def make_story_young():
    Story.objects.filter(pk=min(keys(Story))).update(created_at=YOUNG)


def move_line_away():
    Line.objects.filter(pk=max_old()).update(chapter_id=max(keys(Chapter)))


LEAVES = [
    later_chapter(OLD),
    later_line(OLD),
    later_picture,
    later_tag,
    answer_from_elsewhere,
    reword,
    repoint_into,
    delete_line,
    delete_picture,
    move_line_away,
]
STAYS = [
    later_chapter(YOUNG),
    later_chapter(None),
    later_line(YOUNG),
    make_line_young,
    make_chapter_ageless,
    make_story_young,
]


@pytest.mark.parametrize("act", LEAVES)
def test_what_is_committed_during_the_batch_leaves_along_in_its_newest_version(act, tale):
    Picture.objects.create(pk=800)
    seen = []

    def act_and_look():
        act()
        seen.append(rows())

    result = in_the_middle_of_a_batch(act_and_look)
    assert result["state"] == "succeeded"
    assert together() == seen[0]
    assert keys(StoryArchive) == {tale.pk}
    assert_nothing_dangles()
    assert result["rows"] == sum(sum(table.values()) for table in archived().values())
    assert last_run("famapp_story").rows_done == result["rows"]


@pytest.mark.parametrize("act", STAYS)
def test_what_is_committed_during_the_batch_and_is_younger_keeps_the_whole_family(act, tale):
    seen = []

    def act_and_look():
        act()
        seen.append(rows())

    result = in_the_middle_of_a_batch(act_and_look)
    assert (result["state"], result["rows"]) == ("succeeded", 0)
    assert rows() == seen[0]
    assert not any(archived().values())


@pytest.mark.parametrize("commits", [True, False], ids=["commit", "rollback"])
@pytest.mark.parametrize("act", [*LEAVES[1:6], *STAYS[2:6:3]])
def test_a_batch_waits_for_a_change_that_is_not_committed_yet(act, commits, tale):
    Picture.objects.create(pk=800)
    before, seen = rows(), []
    with override_settings(DBHEALTH=PATIENT):
        try:
            with transaction.atomic():
                query("SET CONSTRAINTS ALL IMMEDIATE")  # so that it holds the parent locked
                act()
                seen.append(rows())
                thread = InThread(run)
                wait_until(waiting_sessions, "the batch waits for the change")
                if not commits:
                    raise InterruptedError
        except InterruptedError:
            seen = [before]
        result = thread.result()
    assert result["state"] == "succeeded"
    assert together() == seen[0]
    leaves = not commits or act in LEAVES
    assert keys(StoryArchive) == ({tale.pk} if leaves else set())
    assert_nothing_dangles()


@pytest.mark.parametrize("act", [later_chapter(OLD), later_line(YOUNG), later_picture, later_tag])
def test_a_child_whose_deferred_constraint_speaks_too_late_is_refused_and_not_orphaned(act, tale):
    """Nothing is locked before COMMIT, as Django's constraints are: whoever commits first wins."""
    before, results = rows(), []

    def overtaken():
        with transaction.atomic():
            act()
            results.append(InThread(run).result())

    with pytest.raises(IntegrityError, match="foreign key"):
        overtaken()
    assert results[0]["state"] == "succeeded"
    assert together() == before
    assert keys(StoryArchive) == {tale.pk}
    assert_nothing_dangles()


def test_the_next_batches_go_on_fast_after_one_that_somebody_disturbed(tale):
    """Nobody but the disturbed batch keeps others from writing the tables."""
    for _ in range(3):
        story(chapters=[(OLD, [OLD])])
    began = []

    def watch(execute, sql, params, many, context):
        if "LOCK TABLE" in sql:
            began.append("SHARE ROW EXCLUSIVE" in sql)
        return execute(sql, params, many, context)

    def watched():
        with connection.execute_wrapper(watch):
            return run(batch_size=10)

    with override_settings(DBHEALTH=PATIENT):
        with transaction.atomic():
            hold(Line, min(keys(Line)))
            thread = InThread(watched)
            wait_until(waiting_sessions, "the batch waits for the line")
            InThread(later_picture).result()
        thread.result()
    assert began.count(True) == 1
    assert began[-1] is False
    assert keys(Story) == {tale.pk + 1}


@override_settings(DBHEALTH=HASTY)
def test_a_family_that_somebody_holds_locked_is_stepped_over_and_reported(tale):
    others = [story(chapters=[(OLD, [OLD])]).pk for _ in range(4)]
    before, held = rows(), min(keys(Line))
    with second_session() as session:
        session.set_autocommit(False)
        with session.cursor() as cursor:
            cursor.execute("SELECT id FROM famapp_line WHERE id = %s FOR UPDATE", [held])
        result = run(batch_size=11)
        assert result["state"] == "succeeded"
        assert keys(StoryArchive) == set(others)
        assert result["rows_left_locked"] == 11
        session.rollback()
    assert run()["rows"] == 11
    assert together() == before


@contextmanager
def row_open_elsewhere():
    """Let another session hold a changed row of a story that stays, and never commit."""
    with second_session() as session:
        session.set_autocommit(False)
        with session.cursor() as cursor:
            cursor.execute("UPDATE famapp_line SET text = 'open' WHERE id = %s", [young_line()])
        yield


def young_line():
    return Line.objects.get(said_at=YOUNG).pk


@override_settings(DBHEALTH=HASTY | {"LOCK_TIMEOUT": 1.0})
def test_a_disturbed_batch_that_cannot_have_the_tables_alone_is_done_without(tale):
    with ExitStack() as elsewhere:
        with transaction.atomic():
            hold(Line, min(keys(Line)))
            thread = InThread(partial(run, batch_size=11))
            wait_until(waiting_sessions, "the batch waits for the line")
            elsewhere.enter_context(row_open_elsewhere())
            InThread(reword_first).result()
        result = thread.result()
    assert (result["state"], result["rows"], result["rows_left_locked"]) == ("succeeded", 11, 0)
    assert LineArchive.objects.filter(text="newest").exists()


@override_settings(DBHEALTH=HASTY)
def test_a_batch_that_only_the_tables_alone_could_help_is_left_for_the_next_run(tale):
    """A star on a line of it came too late for the plan; nobody can tell what else will come."""
    second = story(chapters=[(OLD, [OLD])])
    before = rows()

    def star(number):
        if number == 1:
            Star.objects.create(line=Line.objects.get(chapter__story=second))

    with row_open_elsewhere():
        result = run(batch_size=11, listener=Listener(star))
    assert (result["state"], result["rows"], result["rows_left_locked"]) == ("succeeded", 11, 4)
    assert together() == before
    with pytest.raises(Refused, match="Star"):
        run()
    Star.objects.all().delete()
    assert run()["rows"] == 4


def test_all_archives_of_a_family_are_written_by_one_run(tale):
    in_the_middle_of_a_batch(reword)
    (run_id,) = StoryArchive.objects.values_list("archive_run", flat=True)
    for model in (ChapterArchive, LineArchive, PictureArchive, StoryTagArchive):
        assert set(model.objects.values_list("archive_run", flat=True)) == {run_id}


def all_waiting():
    """Return how many sessions wait for a lock, whoever holds it."""
    return len(query(WAITING))


@pytest.mark.parametrize("first", ["famapp_case", "famapp_paper"])
def test_rows_may_leave_with_their_parent_and_by_their_own_age_at_the_same_time(first):
    """Both runs want the same papers: whichever is second finds that they have left."""
    case, young = (Case.objects.create(opened_at=moment) for moment in (OLD, YOUNG))
    for owner, moment in ((case, OLD), (case, OLD), (young, YOUNG)):
        Paper.objects.create(case=owner, filed_at=moment)
    before, threads = rows(), []
    with override_settings(DBHEALTH=PATIENT):
        with transaction.atomic():
            hold(Paper, min(keys(Paper)))
            for table in sorted(["famapp_case", "famapp_paper"], key=first.__ne__):
                threads.append(InThread(partial(archive, table)))
                wait_until(lambda: all_waiting() == len(threads), "the batch waits")
        results = [thread.result() for thread in threads]
    assert [result["state"] for result in results] == ["succeeded"] * 2
    assert sum(result["rows"] for result in results) == 3
    assert (len(keys(PaperArchive)), keys(Case)) == (2, {young.pk})
    assert together() == before
