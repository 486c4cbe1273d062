"""Which rows of an archive a purge deletes, in which batches, and that nothing else changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive import archive_table, get_archival_stats, purge
from dbhealth.archive.purge_log import purged_rows
from dbhealth.exceptions import UsageError
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import cancel, pause
from tests.commands.tools import everything
from tests.moveapp.models import Event, EventArchive, VisitArchive
from tests.moveapp.purging import (
    DECADE,
    KEPT,
    TABLE,
    add_archived,
    interrupted_purge,
    keep_some,
    last_purge,
    old_ones,
    purging,
)
from tests.moveapp.tools import (
    Listener,
    add_events,
    ago,
    change_policy,
    in_archive,
    in_source,
    query,
    schema,
    stopped,
)

pytestmark = pytest.mark.django_db(transaction=True)

TICK = timedelta(microseconds=1)


@pytest.fixture
def purge_after(monkeypatch):
    """Give the archive of the events a purge_after of ten years."""
    change_policy(monkeypatch, EventArchive, purge_after=DECADE)


def test_rows_past_the_purge_after_go_and_all_others_stay(purge_after):
    add_archived(range(1, 8))
    keep_some()
    add_events([1, 500])
    result = purge("move_event")["tables"][TABLE]
    assert (result["state"], result["rows"], result["rows_eligible"]) == ("succeeded", 7, 7)
    assert in_archive() == list(KEPT)
    assert in_source() == [1, 500]
    run = last_purge()
    assert (run.operation, run.state, run.rows_done, run.rows_expected) == (
        *("purge", "succeeded", 7, 7),
    )


def test_an_empty_archive_gives_a_run_that_deleted_nothing():
    result = purging()
    assert (result["state"], result["rows"], result["batches"]) == ("succeeded", 0, 0)
    assert last_purge().rows_done == 0


@pytest.mark.parametrize("rows, batches", [(9, [9]), (10, [10]), (11, [10, 1]), (21, [10, 10, 1])])
def test_batches_take_exactly_their_size_and_the_last_one_the_rest(rows, batches):
    add_archived(range(1, rows + 1))
    keep_some()
    listener = Listener()
    assert purging(listener=listener, batch_size=10)["batches"] == len(batches)
    assert listener.batches == batches
    assert in_archive() == list(KEPT)


def test_negative_zero_and_far_apart_keys_all_go():
    keys = [-(2**62), -5, -1, 0, 1, 10**5, 2**31, 2**62, 2**63 - 1]
    add_archived(keys)
    keep_some()
    assert purging(batch_size=2)["rows"] == len(keys)
    assert in_archive() == list(KEPT)


def test_the_cutoff_is_strict_to_the_microsecond():
    add_archived([1])
    keep_some()
    cutoff = interrupted_purge().cutoff
    add_archived([2], archived_at=cutoff - TICK)
    add_archived([3], archived_at=cutoff)
    add_archived([4], archived_at=cutoff + TICK)
    assert purging()["resumed"]
    assert old_ones() == [3, 4]


# The last hour of summer time comes twice in Berlin, and the first one of March not at all.
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    "cutoff", [datetime(2024, 10, 27, 1, 30, tzinfo=UTC), datetime(2024, 3, 31, 1, 0, tzinfo=UTC)]
)
def test_time_zones_and_clock_changes_move_no_cutoff(zone, cutoff):
    with override_settings(TIME_ZONE=zone), timezone.override(ZoneInfo(zone)):
        add_archived([1], archived_at=cutoff - TICK)
        add_archived([2], archived_at=cutoff)
        add_archived([3], archived_at=cutoff + timedelta(hours=1) - TICK)
        keep_some()
        keeps = timezone.now() - cutoff
        run = interrupted_purge(older_than=keeps)
        type(run).objects.filter(pk=run.pk).update(cutoff=cutoff)
        assert purging(older_than=keeps)["resumed"]
    assert old_ones() == [2, 3]


def test_rows_without_archived_at_and_from_the_future_stay():
    add_archived([1])
    add_archived([2], days=-400)
    keep_some()
    with no_time_for(3):
        plan = purge("move_event", older_than=DECADE, dry_run=True)["tables"][TABLE]
        assert any("without archived_at: 1" in note for note in plan["notes"])
        assert any("in the future: 1" in note for note in plan["notes"])
        assert purging()["rows"] == 1
        assert old_ones() == [2, 3]


def no_time_for(key):
    """Return a schema in which a row has no archived_at, which no model would allow."""
    if connection.vendor == "postgresql":
        return schema(
            setup=[
                f"ALTER TABLE {TABLE} ALTER archived_at DROP NOT NULL",
                f"INSERT INTO {TABLE} (id, archive_run_id) VALUES ({key}, 1)",
            ],
            undo=[
                f"DELETE FROM {TABLE} WHERE archived_at IS NULL",
                f"ALTER TABLE {TABLE} ALTER archived_at SET NOT NULL",
            ],
        )
    copy = f"CREATE TABLE loose (id integer PRIMARY KEY{_columns()})"
    names = ", ".join(field.column for field in EventArchive._meta.local_concrete_fields)
    return schema(
        setup=[
            copy,
            f"INSERT INTO loose ({names}) SELECT {names} FROM {TABLE}",
            f"ALTER TABLE {TABLE} RENAME TO strict",
            f"ALTER TABLE loose RENAME TO {TABLE}",
            f"INSERT INTO {TABLE} (id, archive_run_id) VALUES ({key}, 1)",
        ],
        undo=[f"DROP TABLE {TABLE}", f"ALTER TABLE strict RENAME TO {TABLE}"],
    )


def _columns():
    fields = [field for field in EventArchive._meta.local_concrete_fields if not field.primary_key]
    return "".join(f', "{field.column}" {field.db_type(connection)}' for field in fields)


def test_the_run_keeps_what_was_deleted_by_the_run_that_had_archived_it():
    add_archived(range(1, 6), run=11)
    add_archived(range(6, 9), run=12)
    keep_some()
    result = purging(batch_size=2)
    assert result["purged"] == {"11": 5, "12": 3}
    assert last_purge().result["purged"] == {"11": 5, "12": 3}
    add_archived([50], run=12)
    purging()
    assert purged_rows("default", TABLE) == {"11": 5, "12": 4}
    assert purged_rows("default", "move_order_archive") == {}


def test_a_run_that_archive_made_is_named_by_its_purge():
    add_events([1, 2, 3])
    add_events([10**9], days=0)
    run = archive_table("move_event")["run"]
    EventArchive.objects.update(archived_at=ago(days=4000))
    keep_some()
    assert purging()["purged"] == {str(run): 3}


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_dry_run_writes_nothing_and_counts_what_the_run_then_deletes():
    add_archived(range(1, 6), run=11)
    add_archived(range(6, 9), days=5000, run=12)
    keep_some()
    before = everything()
    entry = purge("move_event", older_than=DECADE, dry_run=True, batch_size=3)["tables"][TABLE]
    assert everything() == before
    assert (entry["state"], entry["rows"], entry["rows_eligible"]) == ("planned", 0, 8)
    plan = entry["plan"]
    assert plan["runs"] == {"11": 5, "12": 3}
    assert (plan["rows"], plan["rows_to_purge"], plan["estimated_batches"]) == (108, 8, 3)
    assert plan["oldest"][:10] == f"{ago(days=5000):%Y-%m-%d}"
    assert plan["newest"][:10] == f"{ago(days=4000):%Y-%m-%d}"
    assert plan["oldest_source"][:10] == f"{ago(days=5100):%Y-%m-%d}"
    assert plan["newest_source"][:10] == f"{ago(days=4100):%Y-%m-%d}"
    assert purging()["rows"] == 8


def test_the_statements_shown_are_those_that_run():
    add_archived(range(1, 8))
    keep_some()
    plan = purge("move_event", older_than=DECADE, dry_run=True, batch_size=5)["tables"][TABLE][
        "plan"
    ]
    sent = []

    def listen(execute, sql, params, many, context):
        sent.append(sql.replace("/* dbhealth */ ", ""))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        purging(batch_size=5)
    places = [
        next(place for place, sql in enumerate(sent) if sql.endswith(shown["sql"]))
        for shown in plan["statements"]
    ]
    assert places == sorted(places)
    assert plan["statements"][-1]["sql"].startswith("DELETE FROM")
    assert plan["statements"][-1]["lock"] in {"RowExclusiveLock", "RESERVED"}


def test_a_purge_is_carried_on_with_under_its_cutoff_and_its_totals():
    add_archived(range(1, 11), run=11)
    keep_some()
    stop = stopped()
    stop.reason = None
    listener = Listener(lambda number: number == 2 and setattr(stop, "reason", "SIGTERM"))
    first = purging(listener=listener, stop=stop, batch_size=2)
    assert (first["state"], first["rows"]) == ("interrupted", 4)
    cutoff = last_purge().cutoff
    add_archived([50], archived_at=cutoff + TICK)
    second = purging(batch_size=2)
    assert (second["resumed"], second["run"], second["rows"]) == (True, first["run"], 6)
    assert last_purge().result["purged"] == {"11": 10}
    assert last_purge().cutoff == cutoff
    assert old_ones() == [50]


def test_another_age_begins_a_new_run_and_not_the_old_one():
    add_archived([1])
    keep_some()
    first = interrupted_purge()
    result = purging(older_than=DECADE + timedelta(days=1))
    assert result["run"] != first.pk
    assert type(first).objects.get(pk=first.pk).state == "cancelled"


def test_a_purge_that_is_cancelled_ends_after_the_batch_at_work():
    add_archived(range(1, 11), run=11)
    keep_some()
    listener = Listener(lambda number: number == 1 and cancel("default", last_purge().pk))
    result = purging(listener=listener, batch_size=2)
    # The state is read with the next batch, which so is the last one.
    assert (result["state"], result["rows"]) == ("cancelled", 4)
    assert last_purge().result["purged"] == {"11": 4}
    assert len(old_ones()) == 6


def test_a_paused_purge_is_resumed_by_its_number():
    add_archived(range(1, 6))
    keep_some()
    listener = Listener(lambda number: number == 1 and pause("default", last_purge().pk))
    run = purging(listener=listener, batch_size=1)["run"]
    result = resume_run("default", run, Circumstances())["tables"][TABLE]
    assert (result["state"], result["run"]) == ("succeeded", run)
    assert old_ones() == []


def test_max_rows_and_max_runtime_end_the_run_and_the_next_one_goes_on():
    add_archived(range(1, 26))
    keep_some()
    result = purging(batch_size=10, max_rows=12)
    assert (result["rows"], result["stopped"]) == (12, "max-rows reached")
    assert old_ones() == list(range(13, 26))
    late = purge("move_event", older_than=DECADE, max_runtime=0.000001)["tables"][TABLE]
    assert late["stopped"] == "max-runtime reached"
    assert purging()["rows"] == 13 - late["rows"]


def test_only_archives_with_a_purge_after_are_purged_unless_one_is_named(purge_after):
    add_archived([1])
    keep_some()
    VisitArchive.objects.create(
        pk=1, day=ago(days=9000).date(), archived_at=ago(days=8000), archive_run_id=1
    )
    result = purge()
    assert list(result["tables"]) == [TABLE]
    assert result["summary"]["total_records_purged"] == 1
    assert VisitArchive.objects.count() == 1


def test_the_figures_tell_what_may_be_purged(purge_after):
    add_archived([1, 2, 3])
    keep_some()
    stats = get_archival_stats()
    assert stats["tables"]["move_event"]["purgeable_records"] == 3
    assert stats["tables"]["move_event"]["purge_after_days"] == 3650
    assert stats["tables"]["move_visit"]["purgeable_records"] is None
    assert stats["total_purgeable_records"] == 3


@pytest.mark.parametrize("name", ["batch_size", "max_rows", "max_runtime"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), True])
def test_numbers_that_make_no_sense_are_wrong_usage(name, value):
    with pytest.raises(UsageError, match=name):
        purge("move_event", **{name: value})


def test_an_age_without_a_table_or_that_is_none_is_wrong_usage():
    with pytest.raises(UsageError, match="named tables only"):
        purge(older_than=DECADE)
    with pytest.raises(UsageError, match="timedelta"):
        purge("move_event", older_than=3650)
    with pytest.raises(UsageError, match="before the year 1"):
        purge("move_event", older_than=timedelta.max)
    with pytest.raises(UsageError, match="Did you mean 'move_event'"):
        purge("move_evnt")


@pytest.mark.sqlite
def test_sqlite_goes_on_overwriting_what_is_deleted_where_the_project_wants_it():
    add_archived(range(1, 5))
    keep_some()
    query("PRAGMA secure_delete = 1")
    seen = []
    purging(listener=Listener(lambda number: seen.append(query("PRAGMA secure_delete"))))
    assert seen == [[(1,)]]


def test_rows_of_the_source_with_the_same_keys_stay():
    Event.everything.create(pk=1, created_at=ago(days=9000))
    add_archived([1])
    keep_some()
    purging()
    assert in_source() == [1]
