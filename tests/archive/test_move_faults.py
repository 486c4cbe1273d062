"""Triggers, keys, schemas and references that a batch stumbles over: it is rolled back whole."""

import pytest
from django.db import DatabaseError, connection

from dbhealth.exceptions import ConstraintViolated, CountMismatch, KeyTaken, SchemaChanged
from tests.moveapp.models import Event, EventArchive, Line, Order, OrderArchive
from tests.moveapp.tools import (
    Listener,
    add_events,
    ago,
    archive,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
    schema,
)

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = 10**9


@pytest.fixture
def events():
    keys = add_events(range(1, 13))
    keep_one()
    return keys


def trigger(table, event, condition):
    """Return a schema with a trigger that swallows rows, in words that each engine knows."""
    if connection.vendor == "sqlite":
        return schema(
            setup=[
                f"CREATE TRIGGER swallow BEFORE {event} ON {table} FOR EACH ROW "
                f"WHEN {condition} BEGIN SELECT RAISE(IGNORE); END"
            ],
            undo=["DROP TRIGGER swallow"],
        )
    return schema(
        setup=[
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$",
            f"CREATE TRIGGER swallow BEFORE {event} ON {table} FOR EACH ROW "
            f"WHEN ({condition}) EXECUTE FUNCTION swallow()",
        ],
        undo=[f"DROP TRIGGER swallow ON {table}", "DROP FUNCTION swallow()"],
    )


def assert_failed_after(rows, error):
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", rows)
    assert run.error.startswith(error)
    assert "Traceback" in run.traceback
    assert in_archive() == list(range(1, rows + 1))
    assert in_source() == [*range(rows + 1, 13), KEPT]


@pytest.mark.usefixtures("proof")
def test_rows_that_a_trigger_keeps_out_of_the_archive_stay_in_the_source(events):
    with trigger("move_event_archive", "INSERT", "NEW.id = 7"):
        with pytest.raises(CountMismatch, match="4 rows left move_event but 3 arrived"):
            archive(batch_size=4)
        assert_failed_after(4, "CountMismatch")
    assert archive()["rows"] == 8


@pytest.mark.usefixtures("proof")
def test_rows_that_a_trigger_keeps_in_the_source_do_not_come_into_the_archive(events):
    """On PostgreSQL such a row counts as neither deleted nor, where it was copied, as moved."""
    with trigger("move_event", "DELETE", "OLD.id = 7"), pytest.raises(CountMismatch):
        archive(batch_size=4)
    assert_failed_after(4, "CountMismatch")
    assert archive()["rows"] == 8


@pytest.mark.parametrize("contended", [False, True])
@pytest.mark.usefixtures("proof")
@pytest.mark.postgresql
def test_a_swallowed_row_is_noticed_by_each_way_to_move(contended, events, monkeypatch):
    from dbhealth.archive.move import Mover

    if contended:
        begin = Mover.__init__

        def after_contention(self, *args, **kwargs):
            begin(self, *args, **kwargs)
            self._contended = 10

        monkeypatch.setattr(Mover, "__init__", after_contention)
    with trigger("move_event_archive", "INSERT", "NEW.id = 7"), pytest.raises(CountMismatch):
        archive(batch_size=4)
    assert_failed_after(4, "CountMismatch")


def test_a_key_that_the_archive_holds_already_is_named_and_nothing_is_overwritten(events):
    query(
        "INSERT INTO move_event_archive (id, payload, archived_at, archive_run_id) "
        "VALUES (6, 'older', CURRENT_TIMESTAMP, 0), (11, 'older', CURRENT_TIMESTAMP, 0)"
    )
    with pytest.raises(KeyTaken, match=r"move_event_archive holds rows .*\(6\), \(11\)"):
        archive(batch_size=4)
    assert last_run().error.startswith("KeyTaken")
    assert in_source() == [*range(5, 13), KEPT]
    assert query("SELECT payload FROM move_event_archive WHERE id = 6") == [("older",)]
    assert last_run().rows_done == 4


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE move_event ADD COLUMN note text",
        "ALTER TABLE move_event RENAME COLUMN version TO edition",
        "ALTER TABLE move_event DROP COLUMN version",
        pytest.param(
            "ALTER TABLE move_event ALTER COLUMN version TYPE bigint",
            marks=pytest.mark.postgresql,
        ),
    ],
)
def test_a_source_that_changes_between_two_batches_ends_the_run(change, events):
    undo = {
        "ADD": ["ALTER TABLE move_event DROP COLUMN note"],
        "RENAME": ["ALTER TABLE move_event RENAME COLUMN edition TO version"],
        "DROP": ["ALTER TABLE move_event ADD COLUMN version integer NOT NULL DEFAULT 0"],
        "ALTER": ["ALTER TABLE move_event ALTER COLUMN version TYPE integer"],
    }[change.split()[3]]
    listener = Listener(lambda number: number == 1 and query(change))
    with schema(setup=[], undo=undo):
        with pytest.raises((SchemaChanged, DatabaseError)) as ended:
            archive(listener=listener, batch_size=4)
        if "ADD" in change or "TYPE" in change:
            assert isinstance(ended.value, SchemaChanged)
        run = last_run()
        assert (run.state, run.rows_done) == ("failed", 4)
        assert query("SELECT count(*) FROM move_event") == [(9,)]
        assert query("SELECT count(*) FROM move_event_archive") == [(4,)]


@pytest.mark.usefixtures("proof")
@pytest.mark.postgresql
def test_statements_that_the_server_binds_one_by_one_are_counted_too(events):
    connection.close()
    connection.settings_dict["OPTIONS"]["server_side_binding"] = True
    try:
        with (
            trigger("move_event_archive", "INSERT", "NEW.id = 7"),
            pytest.raises(CountMismatch, match="4 rows left move_event but 3 arrived"),
        ):
            archive(batch_size=4)
        assert archive()["rows"] == 8
    finally:
        del connection.settings_dict["OPTIONS"]["server_side_binding"]
        connection.close()
    assert (in_archive(), in_source()) == (events, [KEPT])


def test_a_new_column_with_values_is_not_lost(events):
    def deploy(number):
        if number == 1:
            query("ALTER TABLE move_event ADD COLUMN note text")
            query("UPDATE move_event SET note = 'new'")

    with schema(setup=[], undo=["ALTER TABLE move_event DROP COLUMN note"]):
        with pytest.raises(SchemaChanged, match="makemigrations"):
            archive(listener=Listener(deploy), batch_size=4)
        assert query("SELECT count(*) FROM move_event WHERE note = 'new'") == [(9,)]


def test_an_archive_that_loses_a_column_between_two_batches_ends_the_run(events):
    drop = "ALTER TABLE move_event_archive DROP COLUMN version"
    undo = ["ALTER TABLE move_event_archive ADD COLUMN version integer"]
    with schema(setup=[], undo=undo):
        with pytest.raises(SchemaChanged, match="move_event_archive"):
            archive(listener=Listener(lambda number: number == 1 and query(drop)), batch_size=4)
        assert query("SELECT count(*) FROM move_event") == [(9,)]
        assert last_run().rows_done == 4


@pytest.fixture
def orders():
    for key in range(1, 13):
        Order.objects.create(pk=key, placed_at=ago(days=40))
    Order.objects.create(pk=KEPT, placed_at=ago(days=1))


@pytest.mark.parametrize("stray", [False, True], ids=["of a model", "of no model"])
def test_a_row_that_comes_to_point_at_an_eligible_one_fails_the_batch_whole(stray, orders):
    def point(number):
        if number == 1 and stray:
            query("INSERT INTO stray VALUES (1, 6)")
        elif number == 1:
            Line.objects.create(order_id=6)

    tables = schema(
        setup=["CREATE TABLE stray (id int PRIMARY KEY, of_order bigint REFERENCES move_order)"],
        undo=["DROP TABLE stray"],
    )
    with tables:
        with pytest.raises(ConstraintViolated, match="rolled back"):
            archive("move_order", listener=Listener(point), batch_size=4)
        run = last_run("move_order")
        assert (run.state, run.rows_done) == ("failed", 4)
        assert run.error.startswith("ConstraintViolated")
        left = sorted(Order.objects.values_list("pk", flat=True))
        gone = sorted(OrderArchive.objects.values_list("pk", flat=True))
        assert (left, gone) == ([*range(5, 13), KEPT], [1, 2, 3, 4])


def test_values_that_no_statement_expects_arrive_as_they_were(events):
    odd = ["100%s", "%(name)s", "'; DROP TABLE move_event; --", "\\", '"', "ß☃𝄞", "line\nline"]
    for key, payload in enumerate(odd, 1):
        Event.everything.filter(pk=key).update(payload=payload)
    archive(batch_size=3)
    kept = dict(EventArchive.objects.values_list("pk", "payload"))
    assert [kept[key] for key in range(1, len(odd) + 1)] == odd
