"""Which rows a run moves, in which batches, and that nothing else changes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Q

from dbhealth.archive import archive_all_tables, archive_table
from dbhealth.exceptions import UsageError
from tests.moveapp.models import Event, EventArchive
from tests.moveapp.tools import (
    Listener,
    add_events,
    ago,
    archive,
    change_policy,
    in_archive,
    in_source,
    interrupted_run,
    keep_one,
    last_run,
)

pytestmark = pytest.mark.django_db(transaction=True)

YOUNG = 10**9


def test_an_empty_table_gives_a_run_that_moved_nothing():
    result = archive()
    assert (result["state"], result["rows"], result["batches"]) == ("succeeded", 0, 0)
    assert last_run().rows_done == 0


def test_a_single_old_row_moves_whole():
    add_events([7], version=3)
    before = Event.everything.values().get()
    keep_one()
    result = archive()
    assert (result["rows"], result["batches"]) == (1, 1)
    after = EventArchive.objects.values().get()
    assert {name: after[name] for name in before} == before
    assert after["archive_run_id"] == result["run"]
    assert in_source() == [YOUNG]


@pytest.mark.parametrize(
    "rows, batches",
    [
        (9, [9]),
        (10, [10]),
        (11, [10, 1]),
        (20, [10, 10]),
        (21, [10, 10, 1]),
    ],
)
def test_batches_take_exactly_their_size_and_the_last_one_the_rest(rows, batches):
    keys = add_events(range(1, rows + 1))
    keep_one()
    listener = Listener()
    result = archive(listener=listener, batch_size=10)
    assert listener.batches == batches
    assert result["batches"] == len(batches)
    assert in_archive() == keys
    run = last_run()
    assert (run.rows_done, run.rows_expected, run.batches) == (rows, rows, len(batches))


def test_rows_of_the_same_instant_are_neither_skipped_nor_repeated_at_a_boundary():
    moment = ago(days=40)
    keys = add_events(range(1, 38), created_at=moment)
    keep_one()
    assert archive(batch_size=5)["rows"] == len(keys)
    assert in_archive() == keys


def test_negative_zero_and_far_apart_keys_all_leave():
    keys = [-(2**62), -5, -1, 0, 1, 10**6, 2**31, 2**62, 2**63 - 1]
    add_events(keys)
    keep_one(17)
    listener = Listener()
    archive(listener=listener, batch_size=2)
    assert in_archive() == sorted(keys)
    assert in_source() == [17]
    assert listener.batches == [2, 2, 2, 2, 1]


def test_eligible_rows_are_found_among_many_that_stay():
    stay = add_events((key for key in range(1, 2_001) if key % 97), days=1)
    leave = add_events(range(97, 2_001, 97))
    assert archive(batch_size=3)["rows"] == len(leave)
    assert in_archive() == leave
    assert in_source() == stay


def test_the_cutoff_is_strict_to_the_microsecond():
    add_events([1])
    keep_one()
    cutoff = interrupted_run().cutoff
    tick = timedelta(microseconds=1)
    add_events([2], created_at=cutoff - tick)
    add_events([3], created_at=cutoff)
    add_events([4], created_at=cutoff + tick)
    assert archive()["resumed"]
    assert in_archive() == [1, 2]
    assert in_source() == [3, 4, YOUNG]


def test_rows_without_a_timestamp_and_from_the_future_stay():
    old = add_events(range(1, 4))
    add_events([10, 11], created_at=None)
    add_events([20], days=-400)
    assert archive()["rows"] == 3
    assert in_archive() == old
    assert in_source() == [10, 11, 20]


def test_rows_that_the_default_manager_hides_leave_as_well():
    keys = add_events([1, 2]) + add_events([3, 4], hidden=True)
    keep_one()
    assert Event.objects.count() == 3
    assert archive()["rows"] == 4
    assert in_archive() == keys


def test_the_policys_condition_keeps_rows_back():
    done = add_events([1, 3, 5])
    waiting = add_events([2, 4], done=False)
    assert archive(batch_size=1)["rows"] == 3
    assert in_archive() == done
    assert in_source() == waiting


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(Q(payload__contains="100%"), id="percent sign"),
        pytest.param(~Q(version=0) | Q(payload="never"), id="negation and or"),
        pytest.param(Q(version__in=[1, 2]), id="list"),
        pytest.param(Q(version__in=[]), id="empty list"),
        pytest.param(Q(payload__gt="%s"), id="text like a placeholder"),
        pytest.param(Q(hidden=False, version__gte=1), id="two at once"),
    ],
)
def test_any_condition_on_the_rows_own_columns_selects_as_the_orm_does(where, monkeypatch):
    for key, payload in enumerate(["100% sure", "100 sure", "", "%s", "never", "zzz"], 1):
        add_events([key], version=key % 3)
        Event.everything.filter(pk=key).update(payload=payload)
    add_events([50], days=1)
    expected = sorted(
        Event.everything.filter(where, created_at__lt=ago(days=30)).values_list("pk", flat=True)
    )
    change_policy(monkeypatch, EventArchive, where=where)
    archive(batch_size=2)
    assert in_archive() == expected
    assert len(in_source()) == 7 - len(expected)


def test_a_row_that_ages_in_during_the_run_stays_until_the_next_one():
    add_events(range(10, 100, 10))
    keep_one()

    def age_in(number):
        if number == 2:
            cutoff = last_run().cutoff
            add_events([75], created_at=cutoff + timedelta(microseconds=1))
            add_events([85], created_at=cutoff - timedelta(microseconds=1))

    archive(listener=Listener(age_in), batch_size=2)
    assert in_source() == [75, YOUNG]
    assert 85 in in_archive()
    assert archive()["rows"] == 1
    assert in_source() == [YOUNG]


def test_a_new_run_begins_at_the_first_key_again():
    add_events(range(100, 110))
    keep_one()
    archive(batch_size=3)
    add_events([1, 50])
    result = archive(batch_size=3)
    assert (result["resumed"], result["rows"]) == (False, 2)
    assert in_source() == [YOUNG]


def test_a_second_call_finds_nothing_and_takes_a_younger_cutoff():
    add_events(range(5))
    keep_one()
    first, second = archive(), archive()
    assert (first["rows"], second["rows"]) == (5, 0)
    assert second["run"] != first["run"]
    assert second["cutoff"] > first["cutoff"]


def test_max_rows_ends_the_run_and_the_next_call_goes_on():
    add_events(range(1, 26))
    keep_one()
    result = archive(batch_size=10, max_rows=12)
    assert (result["state"], result["rows"], result["stopped"]) == (
        "succeeded",
        12,
        "max-rows reached",
    )
    assert in_archive() == list(range(1, 13))
    assert archive()["rows"] == 13


def test_max_runtime_ends_the_run_after_the_batch_at_work():
    add_events(range(1, 301))
    keep_one()
    result = archive_table("move_event", batch_size=1, max_runtime=0.15)
    assert result["stopped"] == "max-runtime reached"
    assert result["state"] == "succeeded"
    assert 0 <= result["rows"] < 300
    assert len(in_archive()) == result["rows"]
    assert archive()["rows"] == 300 - result["rows"]


def test_an_early_end_is_no_failure_and_keeps_the_reason_in_the_run():
    add_events([1, 2])
    keep_one()
    archive(max_rows=1)
    run = last_run()
    assert (run.state, run.result["stopped"]) == ("succeeded", "max-rows reached")


def test_another_retention_takes_the_place_of_the_policys():
    add_events([1], days=20)
    add_events([2], days=5)
    assert archive()["rows"] == 0
    assert archive(retention=timedelta(days=10))["rows"] == 1
    assert in_source() == [2]


def test_a_dry_run_changes_nothing_and_counts_what_the_run_then_moves():
    add_events(range(1, 8))
    keep_one()
    planned = archive_table("move_event", dry_run=True)
    assert (planned["state"], planned["rows"], planned["rows_eligible"]) == ("planned", 0, 7)
    assert len(in_source()) == 8
    assert archive_table("move_event")["rows"] == 7


@pytest.mark.parametrize("name", ["batch_size", "max_rows", "max_runtime"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_numbers_that_make_no_sense_are_wrong_usage(name, value):
    with pytest.raises(UsageError, match=name):
        archive_table("move_event", **{name: value})


def test_the_other_tables_get_their_turn_when_one_fails():
    add_events([1, 2])
    keep_one()
    with connection.schema_editor() as editor:
        editor.alter_db_table(EventArchive, "move_event_archive", "move_event_gone")
    try:
        result = archive_all_tables()
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(EventArchive, "move_event_gone", "move_event_archive")
    states = {name: entry["state"] for name, entry in result["tables"].items()}
    assert states.pop("move_event") == "refused"
    assert states["move_visit"] == states["move_order"] == "succeeded"
    assert result["summary"]["tables_failed"] >= 1
    assert len(in_source()) == 3


def test_source_columns_and_counters_add_up_over_many_runs():
    for start in range(0, 60, 20):
        add_events(range(start, start + 20))
        keep_one(YOUNG + start)
        archive(batch_size=7)
    done = [run.rows_done for run in type(last_run()).objects.order_by("pk")]
    assert done == [20, 20, 20]
    assert in_archive() == list(range(60))
