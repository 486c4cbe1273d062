"""What people and programs read of families: the tree of a dry run, and db_stats."""

from io import StringIO

import pytest
from django.core.management import call_command

from dbhealth.archive import archive_table, get_archival_stats
from tests.famapp.models import Story
from tests.famapp.tools import OLD, YOUNG, story

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stories():
    """Make two: one leaves with six rows, two of them pictures, and one stays."""
    story(chapters=[(OLD, [OLD, OLD])], tags=1, pictures=1)
    story(YOUNG)


def lines(monkeypatch, width, *command):
    """Return what a command prints on a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    out = StringIO()
    call_command(*command, stdout=out, no_color=True)
    return out.getvalue().splitlines()


def branches(branch):
    yield branch
    for child in branch["children"]:
        yield from branches(child)


@pytest.mark.usefixtures("stories")
def test_the_rows_of_the_tree_add_up_when_what_is_reached_twice_is_counted_once():
    plan = archive_table(Story, dry_run=True)["plan"]
    tree = list(branches(plan["family"]))
    assert [b["table"] for b in tree if b["counted_before"]] == ["famapp_picture"]
    assert sum(b["rows"] for b in tree if not b["counted_before"]) == plan["rows_to_move"] == 7


@pytest.mark.usefixtures("stories")
def test_rows_that_point_at_their_own_table_are_named_in_the_tree():
    plan = archive_table(Story, dry_run=True)["plan"]
    (line,) = (b for b in branches(plan["family"]) if b["table"] == "famapp_line")
    assert line["by"] == "famapp.Line.chapter (PROTECT), famapp.Line.answers (CASCADE)"


@pytest.mark.usefixtures("stories")
def test_the_tree_counts_nothing_twice_for_people_and_leaves_no_blanks_behind(monkeypatch):
    shown = lines(monkeypatch, 160, "archive", "--dry-run", "--table", "famapp_story")
    place = shown.index("  leave together")
    tree = shown[place + 1 : place + 7]
    assert tree[0] == "    famapp_story  1 row"
    assert [line for line in tree if "counted above" in line] == [
        line for line in tree if "famapp_picture" in line
    ][1:]
    assert not [line for line in shown if line != line.rstrip()]


@pytest.mark.sqlite  # PostgreSQL moves a family with one statement
@pytest.mark.usefixtures("stories")
def test_statements_from_the_tenth_on_stand_apart_from_their_numbers(monkeypatch):
    shown = lines(monkeypatch, 160, "archive", "--dry-run", "--table", "famapp_story")
    texts = [line[5:] for line in shown if line[:4].strip(" .").isdecimal()]
    assert len(texts) > 10
    assert all(line[4] == " " for line in shown if line[:4].strip(" .").isdecimal())


@pytest.mark.usefixtures("stories")
def test_statistics_name_the_tables_that_rows_leave_with(monkeypatch):
    tables = get_archival_stats()["tables"]
    assert tables["famapp_picture"]["parents"] == ["famapp_chapter", "famapp_story"]
    assert tables["famapp_story"]["parents"] == []
    archive_table(Story)
    shown = lines(monkeypatch, 250, "db_stats", "--database", "default")
    # The largest tables are listed before.
    picture = [line for line in shown if line.startswith("famapp_picture  ")][-1]
    assert "with famapp_chapter, famapp_story" in picture
    assert picture.endswith("-")
    papers = [line for line in shown if line.startswith("famapp_paper  ")][-1]
    assert papers.endswith("never")
