"""The points of a run's pace: few, in order, true to what was done; the reason it holds back."""

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dbhealth.backends.trouble import Trouble
from dbhealth.runs.holding import batch_waits
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.pace import MOST_POINTS, grown, pieces, recent_rate
from tests.moveapp.tools import (
    InThread,
    Listener,
    add_events,
    archive,
    keep_one,
    last_run,
    second_session,
    wait_until,
)
from tests.runs.making import go_on, hold_of, make, pause_after


def of(batches, *, each=1.0, rows=10):
    points = []
    for number in range(1, batches + 1):
        points = grown(points, number * each, number * rows, number)
    return points


def test_few_points_are_kept_as_they_are():
    assert of(3) == [[1.0, 10, 1], [2.0, 20, 2], [3.0, 30, 3]]


def test_many_batches_leave_a_bounded_number_of_points_that_reaches_the_last_one():
    points = of(5_000)
    assert len(points) == MOST_POINTS
    assert points[-1] == [5_000.0, 50_000, 5_000]


def test_what_is_left_is_spread_over_the_whole_time():
    spans = [piece.seconds for piece in pieces(of(5_000))]
    assert sum(spans) == 5_000
    assert max(spans) <= 4 * 5_000 / MOST_POINTS


@given(
    st.lists(
        st.tuples(st.floats(-5, 50), st.integers(0, 1_000)),
        min_size=1,
        max_size=3 * MOST_POINTS,
    )
)
def test_no_row_and_no_batch_is_lost_by_thinning_and_time_never_goes_back(batches):
    points, seconds, rows = [], 0.0, 0
    for number, (took, moved) in enumerate(batches, 1):
        seconds, rows = seconds + took, rows + moved
        points = grown(points, seconds, rows, number)
    found = pieces(points)
    assert sum(piece.rows for piece in found) == rows
    assert sum(piece.batches for piece in found) == len(batches)
    assert all(piece.seconds >= 0 and piece.rows >= 0 for piece in found)
    assert len(points) <= MOST_POINTS


def test_a_list_that_is_given_stays_as_it_was():
    points = of(MOST_POINTS)
    before = [list(point) for point in points]
    grown(points, 1_000.0, 5_000, 500)
    assert points == before


def test_the_rate_is_that_of_the_last_half_minute():
    slow_then_quick = [[100.0, 100, 1], [110.0, 1_100, 2], [120.0, 2_100, 3], [130.0, 3_100, 4]]
    assert recent_rate(slow_then_quick, 130.0) == 100.0


def test_the_rate_sinks_while_nothing_comes():
    assert recent_rate([[10.0, 100, 1]], 10.0) == 10.0
    assert recent_rate([[10.0, 100, 1]], 40.0) == 2.5


def test_a_pause_that_is_over_does_not_count():
    points = [[10.0, 100, 1], [3_600.0, 100, 1], [3_605.0, 200, 2]]
    assert recent_rate(points, 3_605.0) == 20.0


def test_there_is_no_rate_before_the_first_batch():
    assert recent_rate([], 5.0) is None


def test_the_reason_says_what_happened_and_what_is_tried():
    text = batch_waits(Trouble.LOCK_TIMEOUT, 2, 8, 1_250)
    assert text.startswith("Somebody else holds a lock")
    assert "1,250 rows (2 of 8)" in text


on_rows = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events():
    add_events(range(1, 13))
    keep_one()


@on_rows
def test_each_batch_leaves_a_point(events):
    archive(batch_size=4)
    run = last_run()
    assert [point[1:] for point in run.pace] == [[4, 1], [8, 2], [12, 3]]
    took = (run.finished_at - run.started_at).total_seconds()
    assert 0 <= run.pace[0][0] <= run.pace[-1][0] <= took + 0.01


@on_rows
def test_a_batch_costs_no_statement_more_than_its_one_update_of_the_run(events):
    seen = []
    with CaptureQueriesContext(connection) as queries:
        archive(listener=Listener(lambda number: seen.append(len(queries))), batch_size=3)
    # Between the first and the last batch every one is like the other.
    assert seen[2] - seen[1] == seen[3] - seen[2]
    one = [entry["sql"] for entry in queries.captured_queries[seen[1] : seen[2]]]
    updates = [sql for sql in one if sql.startswith("UPDATE") and "maintenancerun" in sql]
    assert len(updates) == 1
    assert all(name in updates[0] for name in ('"pace"', '"holding_back"', '"rows_done"'))
    assert sum("maintenancerun" in sql for sql in one) == 1


@on_rows
def test_the_pace_of_a_resumed_run_goes_on_behind_the_pause(events):
    paused = pause_after(1)
    go_on(paused.pk)
    points = last_run().pace
    assert points[0][1:] == [3, 1]
    assert points[-1][1] == 12
    assert [point[1:] for point in points].count([6, 2]) == 2


@on_rows
def test_a_batch_that_is_rolled_back_leaves_no_trace_in_the_pace():
    run = make("running", started_at=timezone.now())
    hold = hold_of(run)

    def batch(rows):
        with transaction.atomic():
            hold.record(rows, [rows], timezone.now())
            if rows == 1_000:
                raise ZeroDivisionError
        hold.committed()

    batch(5)
    with pytest.raises(ZeroDivisionError):
        batch(1_000)
    batch(7)
    run.refresh_from_db()
    assert [point[1:] for point in run.pace] == [[5, 1], [12, 2]]


@on_rows
def test_why_a_run_waits_stands_in_the_run_until_the_next_batch():
    run = make("running", started_at=timezone.now())
    hold = hold_of(run)
    hold.beat(holding_back="Somebody is in the way.", doing="scanning heap")
    run.refresh_from_db()
    assert (run.holding_back, run.doing) == ("Somebody is in the way.", "scanning heap")
    hold.record(1, [1], timezone.now())
    run.refresh_from_db()
    assert (run.holding_back, run.doing) == ("", "")


@on_rows
@pytest.mark.postgresql  # where another session holds SQLite's file nobody can write a reason
@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1})
def test_a_run_that_waits_for_a_lock_says_so_and_stops_saying_so_when_it_goes_on(events):
    with second_session() as other:
        other.set_autocommit(False)
        other.cursor().execute("LOCK TABLE move_event IN EXCLUSIVE MODE")
        work = InThread(archive)
        says_why = MaintenanceRun.objects.exclude(holding_back="")
        wait_until(says_why.exists, "The run says why it holds back.")
        assert "Somebody else holds a lock" in last_run().holding_back
        other.rollback()
        assert work.result()["rows"] == 12
    assert (last_run().state, last_run().holding_back) == ("succeeded", "")
