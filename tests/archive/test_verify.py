"""The proof of a run: what its batches compare, what it keeps, and what is made of it later."""

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive import archive_table, verify_run
from dbhealth.backends.digest import add
from dbhealth.exceptions import CountMismatch, DigestMismatch, UsageError
from dbhealth.runs.models import MaintenanceRun
from tests.famapp.models import LineArchive, Story
from tests.famapp.tools import OLD, YOUNG, story
from tests.moveapp.models import Event, EventArchive
from tests.moveapp.tools import (
    Listener,
    add_events,
    archive,
    in_archive,
    in_source,
    interrupted_run,
    keep_one,
    last_run,
    query,
    schema,
    stopped,
)

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = 10**9


@pytest.fixture
def events():
    keys = add_events(range(1, 13))
    keep_one()
    return keys


def verified(run):
    return verify_run(run, using="default")


def tampering(sqlite, postgresql):
    """Return a schema with a trigger on the archive table that does something to event 7."""
    if connection.vendor == "sqlite":
        body = f"AFTER INSERT ON move_event_archive WHEN NEW.id = 7 BEGIN {sqlite}; END"
        return schema(setup=[f"CREATE TRIGGER tamper {body}"], undo=["DROP TRIGGER tamper"])
    return schema(
        setup=[
            "CREATE FUNCTION tamper() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {postgresql}; RETURN NEW; END $$",
            "CREATE TRIGGER tamper BEFORE INSERT ON move_event_archive FOR EACH ROW "
            "WHEN (NEW.id = 7) EXECUTE FUNCTION tamper()",
        ],
        undo=["DROP TRIGGER tamper ON move_event_archive", "DROP FUNCTION tamper()"],
    )


def of_event(found):
    """Return what was found of the table of events."""
    assert list(found["tables"]) == ["move_event"]
    return found["tables"]["move_event"]


@pytest.mark.parametrize("contended", [False, True])
@pytest.mark.parametrize(
    "sqlite, postgresql",
    [
        (
            "UPDATE move_event_archive SET payload = payload || ' ' WHERE id = 7",
            "NEW.payload := NEW.payload || ' '",
        ),
        (
            "UPDATE move_event_archive SET version = NULL WHERE id = 7",
            "NEW.version := NULL",
        ),
        (
            "UPDATE move_event_archive SET payload = version, version = payload WHERE id = 7",
            "NEW.payload := NEW.version::text",
        ),
    ],
)
def test_a_trigger_that_changes_a_value_on_its_way_ends_the_run(
    events, sqlite, postgresql, contended, monkeypatch
):
    from dbhealth.archive.move import Mover

    begin = Mover.__init__

    def beginning(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        self._contended = 10 if contended else 0

    monkeypatch.setattr(Mover, "__init__", beginning)
    with tampering(sqlite, postgresql):
        with pytest.raises(DigestMismatch, match=r"arrived in move_event_archive are not the same"):
            archive(batch_size=4)
        run = last_run()
        assert (run.state, run.rows_done) == ("failed", 4)
        assert run.error.startswith("DigestMismatch")
        assert in_archive() == [1, 2, 3, 4]
        assert in_source() == [*range(5, 13), KEPT]
        assert verified(run.pk)["ok"], "what was committed before is as it was"
    assert archive()["rows"] == 8


@pytest.mark.sqlite
def test_a_trigger_that_deletes_what_has_arrived_ends_the_run(events):
    with (
        tampering("DELETE FROM move_event_archive WHERE id = 7", ""),
        pytest.raises(CountMismatch, match="4 rows left move_event but 3 arrived"),
    ):
        archive(batch_size=4)
    assert in_source() == [*range(5, 13), KEPT]


def test_a_run_keeps_counts_and_totals_and_they_are_verified(events):
    run = archive(batch_size=5)["run"]
    kept = MaintenanceRun.objects.get(pk=run).proof["move_event"]
    assert kept["rows"] == 12
    assert kept["archive_table"] == "move_event_archive"
    assert [name for name, _ in kept["columns"]][:2] == ["id", "created_at"]
    found = verified(run)
    assert found["ok"]
    event = of_event(found)
    assert (event["state"], event["rows"], event["rows_found"]) == ("verified", 12, 12)
    assert event["digest"] == event["digest_found"] == kept["digest"]


def test_the_total_does_not_depend_on_the_batches(events):
    first = archive(batch_size=5)["run"]
    totals = {of_event(verified(first))["digest"]}
    query("DELETE FROM move_event_archive")
    query("DELETE FROM move_event WHERE id < %s", KEPT)
    moment = MaintenanceRun.objects.get(pk=first).cutoff
    for size in (1, 12):
        add_events(range(1, 13), created_at=moment)
        run = archive(batch_size=size)["run"]
        totals.add(of_event(verified(run))["digest"])
        query("DELETE FROM move_event_archive")
    assert len(totals) == 2, "of other moments in the first run, the same in the two others"


def test_each_run_answers_for_its_own_rows(events):
    first = archive(max_rows=4, batch_size=4)["run"]
    second = archive()["run"]
    EventArchive.objects.filter(pk=2).update(payload="tampered")
    assert not verified(first)["ok"]
    assert verified(second)["ok"]
    assert of_event(verified(second))["rows"] == 8


def test_a_run_that_was_carried_on_with_has_one_total(events):
    begun = interrupted_run()
    stop = stopped()
    stop.reason = ""
    listener = Listener(lambda number: setattr(stop, "reason", "SIGTERM" if number == 1 else ""))
    archive(batch_size=5, listener=listener, stop=stop)
    half = MaintenanceRun.objects.get(pk=begun.pk)
    assert (half.state, half.proof["move_event"]["rows"]) == ("interrupted", 5)
    assert verified(begun.pk)["ok"]
    archive(batch_size=5)
    assert last_run().pk == begun.pk
    assert last_run().proof["move_event"]["rows"] == 12
    assert verified(begun.pk)["ok"]


def test_a_batch_that_was_rolled_back_leaves_no_trace_in_the_totals(events):
    """The key of event 9 is taken, so the batch of it fails again and again."""
    EventArchive.objects.create(pk=9, archived_at=timezone.now(), archive_run_id=0)
    with pytest.raises(Exception, match="holds rows with keys"):
        archive(batch_size=4)
    run = last_run()
    assert run.rows_done == run.proof["move_event"]["rows"] == 8
    assert verified(run.pk)["ok"]


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "tampered"},
        {"payload": "event 5 "},
        {"payload": None},
        {"version": 1},
        {"version": None},
        {"done": False},
        {"created_at": None},
    ],
)
def test_any_changed_value_is_found(events, change):
    run = archive()["run"]
    EventArchive.objects.filter(pk=5).update(**change)
    found = verified(run)
    assert not found["ok"]
    assert of_event(found)["state"] == "differs"
    assert "content has changed" in of_event(found)["reason"]


def test_values_that_two_rows_have_swapped_are_found(events):
    run = archive()["run"]
    EventArchive.objects.filter(pk=5).update(payload="event 6")
    EventArchive.objects.filter(pk=6).update(payload="event 5")
    assert of_event(verified(run))["state"] == "differs"
    EventArchive.objects.filter(pk=5).update(payload="event 5")
    EventArchive.objects.filter(pk=6).update(payload="event 6")
    assert verified(run)["ok"]


def test_missing_rows_are_counted(events):
    run = archive()["run"]
    EventArchive.objects.filter(pk__in=[3, 4, 5]).delete()
    event = of_event(verified(run))
    assert (event["state"], event["rows_found"]) == ("differs", 9)
    assert "Rows missing: 3" in event["reason"]


def test_rows_that_the_run_never_moved_are_counted(events):
    run = archive()["run"]
    EventArchive.objects.create(pk=77, archived_at=timezone.now(), archive_run_id=run)
    event = of_event(verified(run))
    assert event["state"] == "differs"
    assert "Rows that the run has not moved: 1" in event["reason"]


def test_a_column_that_came_later_does_not_count_and_is_named(events):
    run = archive()["run"]
    add_note = "ALTER TABLE move_event_archive ADD COLUMN note text DEFAULT 'x'"
    with schema(setup=[add_note], undo=["ALTER TABLE move_event_archive DROP COLUMN note"]):
        found = verified(run)
        assert found["ok"]
        assert "note" in of_event(found)["reason"]


def test_a_column_that_is_gone_cannot_be_compared(events):
    run = archive()["run"]
    drop = "ALTER TABLE move_event_archive DROP COLUMN version"
    with schema(setup=[drop], undo=["ALTER TABLE move_event_archive ADD COLUMN version integer"]):
        event = of_event(verified(run))
    assert event["state"] == "unprovable"
    assert "version" in event["reason"]


@pytest.mark.postgresql
def test_a_column_of_a_wider_type_still_counts_as_what_it_was(events):
    run = archive()["run"]
    widen = "ALTER TABLE move_event_archive ALTER COLUMN version TYPE bigint"
    narrow = "ALTER TABLE move_event_archive ALTER COLUMN version TYPE integer"
    with schema(setup=[widen], undo=[narrow]):
        assert verified(run)["ok"]
        EventArchive.objects.filter(pk=5).update(version=8)
        assert not verified(run)["ok"]


def test_a_run_whose_columns_changed_on_its_way_says_what_it_cannot_prove(events):
    begun = interrupted_run()
    stop = stopped()
    stop.reason = ""
    listener = Listener(lambda number: setattr(stop, "reason", "SIGTERM"))
    archive(batch_size=5, listener=listener, stop=stop)
    both = ("move_event", "move_event_archive")
    with schema(
        setup=[f"ALTER TABLE {table} ADD COLUMN note text" for table in both],
        undo=[f"ALTER TABLE {table} DROP COLUMN note" for table in both],
    ):
        archive(batch_size=5)
        assert last_run().pk == begun.pk
        assert last_run().proof["move_event"]["rows"] == 7
        event = of_event(verified(begun.pk))
    assert event["state"] == "unprovable"
    assert "5 rows" in event["reason"]


def test_an_archive_table_that_is_gone_cannot_be_compared(events):
    run = archive()["run"]
    rename = "ALTER TABLE move_event_archive RENAME TO elsewhere"
    with schema(setup=[rename], undo=["ALTER TABLE elsewhere RENAME TO move_event_archive"]):
        event = of_event(verified(run))
    assert (event["state"], event["rows_found"]) == ("unprovable", None)


def test_a_run_that_moved_nothing_is_verified():
    keep_one()
    run = archive()["run"]
    assert verified(run) == verified(run) | {"ok": True, "tables": {}, "error": ""}


def test_a_run_without_totals_says_so(events):
    run = archive()["run"]
    MaintenanceRun.objects.filter(pk=run).update(proof={})
    found = verified(run)
    assert not found["ok"]
    assert "keeps no totals" in found["error"]


def test_only_archive_runs_that_exist_can_be_verified(events):
    with pytest.raises(UsageError, match="no run 4711"):
        verified(4711)
    run = archive()["run"]
    MaintenanceRun.objects.filter(pk=run).update(operation="purge")
    with pytest.raises(UsageError, match="no archive run but a purge"):
        verified(run)


def test_verifying_writes_nothing(events):
    run = archive()["run"]
    before = [MaintenanceRun.objects.get(pk=run).snapshot(), query("SELECT * FROM move_event")]
    verified(run)
    assert MaintenanceRun.objects.count() == 1
    after = [MaintenanceRun.objects.get(pk=run).snapshot(), query("SELECT * FROM move_event")]
    assert after == before


def test_every_table_of_a_family_has_its_own_total():
    story(chapters=[(OLD, [OLD, OLD]), (OLD, [OLD])], tags=2, pictures=1)
    story(YOUNG)
    run = archive_table(Story, batch_size=1)["run"]
    found = verified(run)
    assert found["ok"]
    rows = {table: verdict["rows"] for table, verdict in found["tables"].items()}
    assert sum(rows.values()) == MaintenanceRun.objects.get(pk=run).rows_done
    assert rows["famapp_line"] == 3
    LineArchive.objects.first().delete()
    states = {table: v["state"] for table, v in verified(run)["tables"].items()}
    assert states.pop("famapp_line") == "differs"
    assert set(states.values()) == {"verified"}


@pytest.mark.sqlite
def test_text_that_is_not_utf_8_moves_and_is_verified(events):
    query("UPDATE move_event SET payload = CAST(x'ff41' AS text) WHERE id = 6")
    run = archive(batch_size=5)["run"]
    assert verified(run)["ok"]
    query("UPDATE move_event_archive SET payload = CAST(x'fe41' AS text) WHERE id = 6")
    assert not verified(run)["ok"]


@pytest.mark.postgresql
def test_the_session_that_verifies_may_be_set_otherwise(events):
    run = archive()["run"]
    query("SET TIME ZONE 'Asia/Kathmandu'")
    query("SET extra_float_digits = -10")
    try:
        assert verified(run)["ok"]
    finally:
        query("SET TIME ZONE 'UTC'")
        query("RESET extra_float_digits")


def test_totals_of_runs_add_up(events):
    first = archive(max_rows=4, batch_size=4)["run"]
    second = archive()["run"]
    totals = [of_event(verified(run))["digest"] for run in (first, second)]
    EventArchive.objects.update(archive_run=first)
    assert of_event(verified(first))["digest_found"] == add(*totals)
    assert Event.everything.count() == 1


COUNTED = override_settings(DBHEALTH={"ARCHIVE_CHECKSUM": False})


@pytest.mark.parametrize("table", ["move_event", "famapp_story"])
def test_without_a_checksum_rows_move_and_nothing_is_proved_of_them(table, events):
    if table == "famapp_story":
        story(chapters=[(OLD, [OLD])])
        story(YOUNG)
    with COUNTED:
        result = archive(table, batch_size=20)
    assert result["state"] == "succeeded"
    assert result["rows"] > 0
    found = verified(result["run"])
    assert not found["ok"]
    assert {verdict["state"] for verdict in found["tables"].values()} == {"unprovable"}
    assert sum(_counted(verdict) for verdict in found["tables"].values()) == result["rows"]


def _counted(verdict):
    return int(verdict["reason"].split("its ")[1].split(" rows")[0])


def test_a_run_that_went_on_with_a_checksum_says_what_it_cannot_prove(events):
    with COUNTED:
        first = archive(max_rows=4, batch_size=4)
    runs = MaintenanceRun.objects.filter(pk=first["run"])
    runs.update(state="interrupted")
    second = archive()
    assert (second["run"], second["resumed"]) == (first["run"], True)
    [verdict] = verified(first["run"])["tables"].values()
    assert verdict["state"] == "unprovable"
    assert "of the 4 rows" in verdict["reason"]
