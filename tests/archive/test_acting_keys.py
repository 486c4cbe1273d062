"""What acts on rows by itself and comes during a run: foreign keys that delete or change what
points at a row, triggers, tables that inherit."""

import pytest
from django.db import connection

from dbhealth.archive import restore
from dbhealth.archive.execute import TableRun
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.backends import get_backend
from dbhealth.exceptions import Refused, RowChanged, SchemaChanged
from dbhealth.runs.circumstances import Circumstances
from tests.famapp.tools import OLD, YOUNG, story
from tests.moveapp.models import Event
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
from tests.restore.tools import bring_back
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = range(1, 13)
ACTIONS = ["CASCADE", "SET NULL"]


@pytest.fixture
def events():
    add_events(KEYS)
    keep_one()


def pointing(table, key, action):
    """Return a listener that has a table point at a row once the first batch is committed."""

    def point():
        query(
            f"CREATE TABLE note (id int PRIMARY KEY, "
            f"of_row bigint REFERENCES {table} (id) ON DELETE {action})"
        )
        query(f"INSERT INTO note VALUES (1, {key})")

    # As a deploy does it: in a session of its own.
    return Listener(lambda number: number == 1 and InThread(point).result())


def noted():
    """Return the notes, and remove what they point with."""
    return schema(setup=[], undo=["DROP TABLE note"])


@pytest.mark.usefixtures("events", "proof")
@pytest.mark.parametrize("action", ACTIONS)
def test_one_that_comes_between_two_batches_ends_an_archive_run(action):
    with noted():
        with pytest.raises(SchemaChanged, match=r"note \(of_row\)"):
            archive(listener=pointing("move_event", 7, action), batch_size=4)
        assert query("SELECT of_row FROM note") == [(7,)]
        assert (last_run().state, last_run().rows_done) == ("failed", 4)
        assert in_archive() == [1, 2, 3, 4]
        with pytest.raises(Refused) as refused:
            archive()
        codes = [reason.code for reason in refused.value.refusals]
        assert codes == ["acts-on-delete", "referenced"]
    assert archive()["rows"] == 8


def test_one_to_a_table_below_ends_the_run_of_the_family():
    for _ in range(4):
        story(chapters=[(OLD, [OLD, OLD])])
    story(YOUNG)
    last = query("SELECT max(id) FROM famapp_line")[0][0]
    with noted():
        with pytest.raises(SchemaChanged, match=r"famapp_line .*note \(of_row\)"):
            archive("famapp_story", listener=pointing("famapp_line", last, "CASCADE"), batch_size=5)
        assert query("SELECT of_row FROM note") == [(last,)]


@pytest.mark.usefixtures("events")
def test_a_plan_that_had_to_wait_looks_at_the_tables_again():
    run = TableRun(find("move_event"), "default", Asked(), Circumstances())
    backend = get_backend("default")
    assert run.structural(backend) == ()
    with schema(
        setup=["CREATE TABLE note (of_row bigint REFERENCES move_event (id) ON DELETE CASCADE)"],
        undo=["DROP TABLE note"],
    ):
        run.plan(backend, None)
        assert [reason.code for reason in run.plan(backend, None).refusals] == ["acts-on-delete"]


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_restored_from_an_archive_whose_rows_take_others_along(action):
    run = archive()["run"]
    with schema(
        setup=[
            f"CREATE TABLE note (of_row bigint REFERENCES move_event_archive (id) "
            f"ON DELETE {action})",
            "INSERT INTO note VALUES (7)",
        ],
        undo=["DROP TABLE note"],
    ):
        with pytest.raises(Refused) as refused:
            restore("move_event", run=run)
        assert [reason.code for reason in refused.value.refusals] == ["acts-on-delete"]
        assert query("SELECT of_row FROM note") == [(7,)]
        assert in_archive() == list(KEYS)
    assert restore("move_event", run=run)["summary"]["total_records_restored"] == len(KEYS)


@pytest.mark.usefixtures("events")
def test_nothing_is_restored_that_a_key_of_somebody_keeps_in_the_archive():
    run = archive()["run"]
    with schema(
        setup=["CREATE TABLE note (of_row bigint REFERENCES move_event_archive (id))"],
        undo=["DROP TABLE note"],
    ):
        query("INSERT INTO note VALUES (7)")
        # Also what could come back in batches before that row stays.
        for asked in ({}, {"skip_conflicts": True}):
            with pytest.raises(Refused, match=r"1 row of note \(of_row\)") as refused:
                restore("move_event", run=run, batch_size=4, **asked)
            codes = [reason.code for reason in refused.value.refusals]
            assert codes == ["archive-referenced"]
        assert in_archive() == list(KEYS)
        (shown,) = restore("move_event", run=run, dry_run=True)["tables"].values()
        assert [reason["code"] for reason in shown["refusals"]] == ["archive-referenced"]
        query("DELETE FROM note")
        result = restore("move_event", run=run)
    assert result["summary"]["total_records_restored"] == len(KEYS)


@pytest.mark.usefixtures("events")
@pytest.mark.postgresql
@pytest.mark.skipif((postgres_major() or 0) < 18, reason="NOT ENFORCED came with PostgreSQL 18.")
def test_a_key_that_is_not_enforced_does_nothing_to_other_rows():
    note = "CREATE TABLE note (of_row bigint REFERENCES {} (id) ON DELETE CASCADE NOT ENFORCED)"
    with schema(setup=[note.format("move_event")], undo=["DROP TABLE note"]):
        run = archive()["run"]
    assert in_archive() == list(KEYS)
    with schema(setup=[note.format("move_event_archive")], undo=["DROP TABLE note"]):
        query("INSERT INTO note VALUES (7)")
        restore("move_event", run=run)
        assert query("SELECT of_row FROM note") == [(7,)]
    assert in_archive() == []


@pytest.mark.usefixtures("events")
def test_one_that_comes_between_two_batches_ends_a_restoration():
    run = archive()["run"]
    with noted():
        with pytest.raises(SchemaChanged, match=r"move_event_archive .*note \(of_row\)"):
            bring_back(run, listener=pointing("move_event_archive", 7, "CASCADE"), batch_size=4)
        assert query("SELECT of_row FROM note") == [(7,)]
        assert sorted(in_source() + in_archive()) == [*KEYS, 10**9]
        assert len(in_archive()) == 8


MEDDLING = {
    "sqlite": [
        "CREATE TRIGGER meddle AFTER INSERT ON move_event "
        "BEGIN UPDATE move_event SET payload = 'meddled' WHERE id = NEW.id; END"
    ],
    "postgresql": [
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.payload := 'meddled'; RETURN NEW; END $$",
        "CREATE TRIGGER meddle BEFORE INSERT ON move_event FOR EACH ROW EXECUTE FUNCTION meddle()",
    ],
}
UNDO = {
    "sqlite": ["DROP TRIGGER meddle"],
    "postgresql": ["DROP TRIGGER meddle ON move_event", "DROP FUNCTION meddle()"],
}


@pytest.mark.usefixtures("events")
def test_a_trigger_that_comes_between_two_batches_ends_a_restoration():
    """The plan knew of none, so that nothing but generated columns would have been compared."""
    run = archive()["run"]

    def meddle():
        for sql in MEDDLING[connection.vendor]:
            query(sql)

    listener = Listener(lambda number: number == 1 and InThread(meddle).result())
    with schema(setup=[], undo=UNDO[connection.vendor]):
        with pytest.raises(SchemaChanged, match=r"move_event .*meddle"):
            bring_back(run, listener=listener, batch_size=4)
        assert len(in_archive()) == 8
        with pytest.raises(RowChanged):
            bring_back(run, batch_size=4)
        assert len(in_archive()) == 8
    assert not Event.everything.filter(payload="meddled").exists()
    assert restore("move_event", run=run)["summary"]["total_records_restored"] == 8


@pytest.mark.usefixtures("events")
def test_a_harmless_key_and_trigger_that_come_between_two_batches_end_no_run():
    def point():
        query("CREATE TABLE note (id int PRIMARY KEY, of_row bigint REFERENCES move_event (id))")

    listener = Listener(lambda number: number == 1 and InThread(point).result())
    with noted():
        assert archive(listener=listener, batch_size=4)["rows"] == len(KEYS)


@pytest.mark.usefixtures("events")
def test_of_two_constraints_on_the_same_columns_the_one_that_acts_counts():
    columns = "of_row bigint, FOREIGN KEY (of_row) REFERENCES move_event (id)"
    with schema(
        setup=[
            f"CREATE TABLE note ({columns} ON DELETE CASCADE, "
            "FOREIGN KEY (of_row) REFERENCES move_event (id))"
        ],
        undo=["DROP TABLE note"],
    ):
        with pytest.raises(Refused) as refused:
            archive()
        assert [reason.code for reason in refused.value.refusals] == ["acts-on-delete"]


@pytest.mark.postgresql
@pytest.mark.usefixtures("events")
def test_a_table_that_inherits_between_two_batches_ends_the_run():
    def inherit():
        query("CREATE TABLE more_events (extra int) INHERITS (move_event)")

    listener = Listener(lambda number: number == 1 and InThread(inherit).result())
    with schema(setup=[], undo=["DROP TABLE more_events"]):
        with pytest.raises(SchemaChanged, match="move_event"):
            archive(listener=listener, batch_size=4)
        assert in_archive() == [1, 2, 3, 4]
    assert archive()["rows"] == 8
