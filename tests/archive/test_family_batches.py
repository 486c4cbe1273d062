"""Where batches of families end: held rows in between neither stop a run nor cost it much."""

import pytest

from dbhealth.archive import archive_table
from tests.famapp.models import Story, StoryArchive
from tests.famapp.tools import OLD, YOUNG, keys, rows, story, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1000])
def test_stretches_of_held_rows_are_passed_and_everything_behind_them_leaves(batch_size):
    free = [story(chapters=[(OLD, [OLD])])]
    held = [story(chapters=[(OLD, [YOUNG])]) for _ in range(7)]
    free += [story(chapters=[(OLD, [])]), story()]
    held += [story(chapters=[(YOUNG, [])]) for _ in range(3)]
    before = rows()
    result = archive_table(Story, batch_size=batch_size, allow_emptying=True)
    assert result["state"] == "succeeded"
    assert keys(Story) == {row.pk for row in held}
    assert keys(StoryArchive) == {row.pk for row in free}
    assert together() == before
    assert result["rows"] == 4 + 3 + 1


def test_max_rows_counts_no_row_that_is_held():
    for _ in range(5):
        story(chapters=[(YOUNG, [])])
    free = [story() for _ in range(4)]
    assert archive_table(Story, batch_size=1, max_rows=2)["rows"] == 2
    assert keys(StoryArchive) == {row.pk for row in free[:2]}
    assert archive_table(Story, batch_size=1, allow_emptying=True)["rows"] == 2


def test_the_end_of_a_batch_is_found_without_reading_a_child_table():
    story(chapters=[(OLD, [OLD])])
    story(YOUNG)
    statements = archive_table(Story, dry_run=True)["plan"]["statements"]
    (end,) = (s["sql"] for s in statements if s["purpose"] == "Find where the batch ends.")
    assert "famapp_story" in end
    assert not [name for name in ("chapter", "line", "picture", "tags") if name in end]
