"""A deploy changes a table of a family between two batches: the run ends, and nothing has been cut,
mixed up or left behind."""

import pytest
from django.db import DatabaseError, connection

from dbhealth.exceptions import Refused, SchemaChanged
from tests.famapp.models import Line, LineArchive, Story, StoryArchive
from tests.famapp.tools import OLD, YOUNG, story
from tests.moveapp.tools import (
    InThread,
    Listener,
    add_events,
    archive,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
    schema,
)

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = ("famapp_line", "famapp_line_archive")

ADD = "ALTER TABLE {} ADD COLUMN note text"
DROP = "ALTER TABLE {} DROP COLUMN text"
RENAME = "ALTER TABLE {} RENAME COLUMN text TO words"
RETYPE = "ALTER TABLE {} ALTER COLUMN text TYPE varchar(3000)"

UNDO = {
    ADD: "ALTER TABLE {} DROP COLUMN note",
    DROP: "ALTER TABLE {} ADD COLUMN text text {}",
    RENAME: "ALTER TABLE {} RENAME COLUMN words TO text",
    RETYPE: "ALTER TABLE {} ALTER COLUMN text TYPE text",
}

# To the next run: the archive has every column that the source has.
HARMLESS = {(ADD, "famapp_line_archive"), (DROP, "famapp_line")}


@pytest.fixture
def stories():
    for _ in range(6):
        story(chapters=[(OLD, [OLD, OLD])])
    story(YOUNG)


def counted():
    return [query(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change", [ADD, DROP, RENAME, pytest.param(RETYPE, marks=pytest.mark.postgresql)]
)
def test_a_table_of_a_family_that_changes_between_two_batches_ends_the_run(change, table, stories):
    default = "NOT NULL DEFAULT ''" if table == "famapp_line" else ""
    listener = Listener(lambda number: number == 1 and query(change.format(table)))
    with schema(setup=[], undo=[UNDO[change].format(table, default)]):
        with pytest.raises((SchemaChanged, DatabaseError)):
            archive("famapp_story", listener=listener, batch_size=5)
        run = last_run("famapp_story")
        assert (run.state, run.rows_done) == ("failed", listener.batches[0])
        # Whole families have left, and what is below them with them.
        moved = StoryArchive.objects.count()
        assert 0 < moved < 6
        assert counted() == [2 * (6 - moved), 2 * moved]
        if (change, table) not in HARMLESS:
            with pytest.raises(Refused, match="makemigrations"):
                archive("famapp_story")
    result = archive("famapp_story")
    assert result["state"] == "succeeded"
    assert (Story.objects.count(), Line.objects.count()) == (1, 0)
    assert LineArchive.objects.count() == 12


def test_a_column_that_comes_while_the_plan_is_made_ends_the_run_before_its_first_batch():
    """The first batch compares with the columns that were found to fit, not with later ones."""
    add_events(range(1, 9))
    keep_one()
    steps = ["count", "change"]

    def watch(execute, sql, params, many, context):
        if steps == ["change"]:
            steps.clear()
            InThread(lambda: query("ALTER TABLE move_event ADD COLUMN late integer")).result()
        elif steps and "count(*)" in sql and '"move_event"' in sql:
            steps.remove("count")
        return execute(sql, params, many, context)

    with schema(setup=[], undo=["ALTER TABLE move_event DROP COLUMN late"]):
        with connection.execute_wrapper(watch), pytest.raises(SchemaChanged, match="move_event"):
            archive(batch_size=4)
        assert (last_run().state, last_run().rows_done) == ("failed", 0)
        assert not in_archive()
        assert not steps
        with pytest.raises(Refused, match="makemigrations"):
            archive()
    assert archive()["rows"] == 8


def test_two_columns_that_change_their_names_with_each_other_are_not_mixed_up():
    """Every name and every type is there as before; only what they mean has changed."""
    add_events(range(1, 9))
    keep_one()
    both = ("move_event", "move_event_archive")
    setup = [f"ALTER TABLE {table} ADD COLUMN {name} text" for table in both for name in ("a", "b")]
    undo = [f"ALTER TABLE {table} DROP COLUMN {name}" for table in both for name in ("a", "b")]
    names = [("a", "c"), ("b", "a"), ("c", "b")]

    def swap(number):
        if number == 1:
            for old, new in names:
                query(f"ALTER TABLE move_event RENAME COLUMN {old} TO {new}")

    with schema(setup=setup, undo=undo):
        query("UPDATE move_event SET a = 'first ' || id, b = 'second ' || id")
        if connection.vendor == "sqlite":
            query("VACUUM")  # the table as one whole, no trace of how it came to be
        with pytest.raises(SchemaChanged):
            archive(listener=Listener(swap), batch_size=4)
        assert in_archive() == [1, 2, 3, 4]
        assert in_source() == [5, 6, 7, 8, 10**9]
        kept = query("SELECT id, a, b FROM move_event_archive ORDER BY id")
        assert kept == [(n, f"first {n}", f"second {n}") for n in range(1, 5)]
        stayed = query("SELECT id, a, b FROM move_event WHERE id < 100 ORDER BY id")
        assert stayed == [(n, f"second {n}", f"first {n}") for n in range(5, 9)]
