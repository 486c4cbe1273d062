"""What a look keeps of indexes for the pages: owners, verdicts, drift, and what is missed."""

import pytest
from django.db import connection

from dbhealth.indexes.models import IndexState, MissingIndex, TrackedIndex
from dbhealth.indexes.snapshots import snapshot_indexes
from dbhealth.recipes import index_snapshots
from tests.moveapp.tools import InThread
from tests.testapp.raw import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def goods():
    """Make tables of nobody, one of them with twins and a foreign key without an index."""
    for sql in (
        "CREATE TABLE tracked_places (id integer PRIMARY KEY)",
        "CREATE TABLE tracked_goods (id integer PRIMARY KEY, a integer, b integer, "
        "place integer REFERENCES tracked_places (id))",
        "CREATE INDEX goods_a ON tracked_goods (a)",
        "CREATE INDEX goods_a_b ON tracked_goods (a, b)",
    ):
        execute(sql)


def the_index(name):
    return TrackedIndex.objects.get(database="default", name=name)


def missed(table):
    rows = MissingIndex.objects.filter(database="default", table=table)
    return {(row.code, row.what): row for row in rows}


def test_an_index_is_kept_with_who_declares_it_and_where():
    snapshot_indexes("default")
    kept = the_index("book_state_year")
    assert (kept.owner, kept.app_label, kept.kind) == ("indexapp.Book", "indexapp", "Meta.indexes")
    assert "tests/indexapp/models.py:" in kept.declared_by
    assert kept.declaration.startswith("Index(")
    assert "'-year'" in kept.declaration
    assert "book_state_year" in kept.definition
    assert (kept.state, kept.method, kept.drift) == (IndexState.THERE, "btree", "present")
    assert kept.looked_at == kept.last_seen


def test_a_verdict_is_kept_whole_with_what_stands_in_and_how_grave_it_is(goods):
    snapshot_indexes("default")
    kept = the_index("goods_a")
    assert (kept.verdict, kept.level, kept.confidence) == ("covered", "warning", "high")
    verdict = kept.verdicts[0]
    assert verdict["other"] == "goods_a_b"
    assert verdict["reasons"]
    assert verdict["change"]
    assert (kept.owner, kept.app_label, kept.drift) == ("", "", "")
    by_gravity = TrackedIndex.objects.order_by("-gravity")
    assert by_gravity.first().level == "warning"
    assert {row.gravity for row in by_gravity if not row.verdict} == {0}


def test_an_index_of_nobody_on_the_table_of_a_model_belongs_to_that_app():
    execute("CREATE INDEX by_hand ON indexapp_book (place, year)")
    snapshot_indexes("default")
    kept = the_index("by_hand")
    assert (kept.app_label, kept.owner, kept.drift) == ("indexapp", "", "undeclared")


def test_a_foreign_key_without_an_index_is_missed_as_the_same_row_until_it_has_one(goods):
    snapshot_indexes("default")
    row = missed("tracked_goods")["foreign-key", "place"]
    assert (row.confidence, row.columns) == ("high", ["place"])
    assert row.change
    assert row.sql == ""
    snapshot_indexes("default")
    assert missed("tracked_goods")["foreign-key", "place"].pk == row.pk
    execute("CREATE INDEX goods_place ON tracked_goods (place)")
    snapshot_indexes("default")
    assert missed("tracked_goods") == {}


def test_a_declared_index_that_was_dropped_is_gone_here_and_missed_there():
    snapshot_indexes("default")
    execute("DROP INDEX book_state_year")
    snapshot_indexes("default")
    assert the_index("book_state_year").state == IndexState.GONE
    row = missed("indexapp_book")["missing", "book_state_year"]
    assert (row.level, row.owner) == ("warning", "indexapp.Book")
    assert row.sql.startswith("CREATE INDEX")
    execute(row.sql)
    snapshot_indexes("default")
    again = the_index("book_state_year")
    assert again.state == IndexState.THERE
    assert again.first_seen == again.last_seen, "it is another one"
    assert missed("indexapp_book") == {}


def test_a_foreign_key_whose_declared_index_is_gone_is_told_once():
    snapshot_indexes("default")
    kept = TrackedIndex.objects.get(table="indexapp_book", kind="ForeignKey", owner="indexapp.Book")
    execute(f'DROP INDEX "{kept.name}"')
    for name in TrackedIndex.objects.filter(table="indexapp_book", kind="unique_together"):
        assert name.definition, "it begins with the same column, and serves the key as well"
    snapshot_indexes("default")
    assert set(missed("indexapp_book")) == {("missing", kept.name)}


def test_what_archive_runs_search_by_is_missed_in_the_database():
    index_snapshots("default")
    codes = {code for code, _ in missed("django_admin_log")}
    assert codes == {"selection"}


def test_what_a_missing_index_is_declared_for_is_not_told_again():
    execute('DROP INDEX "move_event_created"')
    index_snapshots("default")
    table = MissingIndex.objects.get(name="move_event_created").table
    assert set(missed(table)) == {("missing", "move_event_created")}


def test_where_nothing_counts_scans_are_unknown_and_not_none():
    snapshot_indexes("default")
    scans = the_index("book_state_year").scans
    assert scans is None if connection.vendor == "sqlite" else scans >= 0


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_build_that_failed_is_invalid():
    execute("CREATE TABLE tracked_same (a int)")
    execute("INSERT INTO tracked_same VALUES (1), (1)")
    try:
        with pytest.raises(Exception, match="could not create unique index"):
            execute("CREATE UNIQUE INDEX CONCURRENTLY same_a ON tracked_same (a)")
        snapshot_indexes("default")
        kept = the_index("same_a")
        assert (kept.state, kept.verdict, kept.level) == (IndexState.INVALID, "invalid", "error")
    finally:
        execute("DROP TABLE tracked_same")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_index_of_a_locked_table_keeps_what_was_known_and_from_when():
    execute("CREATE TABLE tracked_far (id int PRIMARY KEY)")
    execute("CREATE TABLE tracked_held (a int, far int REFERENCES tracked_far (id))")
    execute("CREATE INDEX held_a ON tracked_held (a)")
    execute("CREATE INDEX held_a_again ON tracked_held (a)")
    try:
        snapshot_indexes("default")
        before = the_index("held_a_again")
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("LOCK TABLE tracked_held IN ACCESS EXCLUSIVE MODE")
            InThread(lambda: snapshot_indexes("default")).result()
        finally:
            other.close()
        after = the_index("held_a_again")
        assert after.last_seen > before.last_seen
        assert after.looked_at == before.looked_at
        assert after.verdicts == before.verdicts
        assert set(missed("tracked_held")) == {("foreign-key", "far")}
    finally:
        execute("DROP TABLE tracked_held")
        execute("DROP TABLE tracked_far")
