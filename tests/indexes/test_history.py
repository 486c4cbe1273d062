"""History: differences between looks, over resets and failovers, compact, and forgotten in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Sum
from django.test import override_settings

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import IndexUse, StatisticsSource, UseReport
from dbhealth.indexes.history import RECORDED, Look, take_snapshot
from dbhealth.indexes.models import IndexCount, IndexSnapshot, TrackedIndex
from dbhealth.indexes.past import past
from dbhealth.indexes.snapshots import snapshot_indexes
from tests.moveapp.tools import InThread

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = StatisticsSource(name="by hand", now=START, since=START - DAY)


def found(source, *uses):
    return Look(report=UseReport(source=source, indexes=uses, tables=()))


def look(day, scans, *, since=None, size=8192, **others):
    """Take a look on a day at indexes of one table, by name and scans."""
    source = replace(SOURCE, now=START + day * DAY, since=since or SOURCE.since)
    uses = tuple(
        IndexUse(table="shelf", name=name, scans=count, rows_read=count * 10, bytes=size)
        for name, count in {"by_title": scans, **others}.items()
    )
    return take_snapshot("default", lambda: found(source, *uses))


def known(name="by_title"):
    return past("default", SOURCE)["shelf", name]


def counted(name="by_title"):
    """Return all scans that came to an index, look by look."""
    return IndexCount.objects.filter(index__name=name).aggregate(Sum("scans"))["scans__sum"]


def test_the_first_look_knows_nothing_of_use_yet():
    taken = look(0, 5_000)
    assert (taken.number, taken.indexes, taken.used) == (1, 1, 0)
    assert known().last_used is None
    assert known().unused_for == timedelta(0)
    assert counted() == 0


def test_differences_add_up_and_the_last_use_is_the_look_that_saw_it():
    for day, scans in enumerate([100, 150, 150, 151, 151]):
        look(day, scans)
    assert counted() == 51
    assert known().last_used == START + 3 * DAY
    assert known().unused_for == DAY


def test_an_index_that_nobody_uses_is_unused_for_as_long_as_it_has_been_looked_at():
    for day in range(0, 91, 10):
        look(day, 0)
    assert known().unused_for == 90 * DAY
    assert known().unseen == 0


def test_a_counter_that_went_down_began_again_from_nothing():
    look(0, 900)
    reset = START + DAY / 2
    taken = look(1, 3, since=reset)
    assert taken.used == 1
    assert taken.unseen_seconds == timedelta(hours=12).total_seconds()
    assert counted() == 3
    assert known().last_used == START + DAY


def test_a_reset_of_an_unused_index_leaves_it_unused_and_says_what_nobody_saw():
    look(0, 0)
    look(1, 0, since=START + DAY / 4)
    look(90, 0, since=START + DAY / 4)
    assert known().unused_for == 90 * DAY
    assert known().unseen == timedelta(hours=6).total_seconds()


def test_a_busy_index_is_in_use_though_its_counter_is_reset_before_every_look():
    for day in range(120):
        look(day, 3, since=START + day * DAY - timedelta(minutes=1))
    assert known().unused_for == timedelta(0)
    assert counted() == 3 * 119


def test_another_index_of_the_same_name_begins_anew():
    look(0, 0)
    source = replace(SOURCE, now=START + 90 * DAY)
    use = IndexUse(table="shelf", name="by_title", oid=77, scans=0)
    take_snapshot("default", lambda: found(source, use))
    assert known().unused_for == timedelta(0)
    assert known().first_seen == START + 90 * DAY


def recorded(day, scans, last):
    """Take a look at what the recorder's window of days says."""
    source = replace(SOURCE, name=RECORDED, now=START + day * DAY)
    use = IndexUse(table="shelf", name="by_title", scans=scans, last_scan=START + last * DAY)
    take_snapshot("default", lambda: found(source, use))


def test_a_window_of_days_that_forgets_makes_no_use_of_an_unused_index():
    recorded(0, 500, last=-1)
    for day in (30, 60, 90):
        recorded(day, 500 - 5 * day, last=-1)
    assert known().unused_for == 90 * DAY


def test_steady_use_that_a_window_of_days_shows_as_one_number_is_use():
    for day in (0, 30, 60, 90):
        recorded(day, 500, last=day - 1)
    assert known().unused_for == timedelta(0)


def test_what_was_unseen_before_the_last_use_does_not_count_any_more():
    look(0, 0)
    look(1, 4, since=START + DAY / 4)
    look(2, 4, since=START + DAY / 4)
    assert known().unseen == 0


def test_nothing_is_written_for_an_index_without_use():
    for day in range(20):
        look(day, 0, by_year=day)
    assert IndexCount.objects.filter(index__name="by_title").count() == 1
    assert IndexCount.objects.filter(index__name="by_year").count() == 20
    assert TrackedIndex.objects.count() == 2


def test_a_size_is_kept_again_when_it_has_changed_by_a_tenth():
    for day, size in enumerate([1000, 1050, 1200, 1210, 1210]):
        look(day, 0, size=size)
    kept = IndexCount.objects.order_by("snapshot__number").values_list("bytes", flat=True)
    assert list(kept) == [1000, 1200]


def test_an_index_that_is_gone_is_not_told_of_and_one_that_is_new_begins_later():
    look(0, 0, gone=7)
    look(5, 0, new=1)
    assert set(past("default", SOURCE)) == {("shelf", "by_title"), ("shelf", "new")}
    assert known("new").first_seen == START + 5 * DAY


@override_settings(DBHEALTH={"INDEX_HISTORY_DAYS": 30})
def test_what_is_kept_too_long_is_forgotten_and_the_counters_stay():
    for day in range(0, 100, 10):
        look(day, day, gone=1) if day < 50 else look(day, day)
    assert IndexSnapshot.objects.count() == 4
    assert not TrackedIndex.objects.filter(name="gone").exists()
    assert counted() == 40
    assert known().first_seen == START


def test_the_history_of_a_standby_is_kept_apart_in_the_database_that_takes_rows():
    look(0, 5)
    standby = replace(SOURCE, replica=True)
    assert past("standby", standby) == {}
    take_snapshot("standby", lambda: found(standby))
    assert set(IndexSnapshot.objects.values_list("database", flat=True)) == {"default", "standby"}


def test_figures_that_another_look_has_overtaken_add_nothing():
    look(0, 100)
    look(1, 130)
    source = replace(SOURCE, now=START + DAY - timedelta(minutes=1))
    use = IndexUse(table="shelf", name="by_title", scans=120)
    taken = take_snapshot("default", lambda: found(source, use))
    assert (taken.number, taken.used) == (2, 0)
    assert counted() == 30


def test_the_history_is_read_in_few_statements_however_many_indexes(django_assert_max_num_queries):
    many = {f"index_{number}": number for number in range(3_000)}
    look(0, 1, **many)
    look(1, 2, **{name: count + 1 for name, count in many.items()})
    with django_assert_max_num_queries(2):
        assert len(past("default", SOURCE)) == 3_001
    assert known("index_2999").last_used == START + DAY


@pytest.mark.django_db(transaction=True)
def test_two_looks_at_once_both_count_and_nothing_counts_twice():
    look(0, 100)
    for thread in [InThread(lambda: look(1, 110)) for _ in range(4)]:
        thread.result()
    assert counted() == 10
    assert [seen.number for seen in IndexSnapshot.objects.order_by("number")] == [1, 2]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_scans_of_the_server_are_counted_over_a_reset():
    def scan(times):
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            for number in range(times):
                cursor.execute("SELECT 1 FROM auth_group WHERE name = %s", [f"x{number}"])
            cursor.execute("RESET enable_seqscan")
            cursor.execute("SELECT pg_stat_force_next_flush()")
        connection.close()

    snapshot_indexes("default")
    scan(7)
    snapshot_indexes("default")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_reset()")
    scan(5)
    taken = snapshot_indexes("default")
    assert taken.used >= 1
    kept = IndexCount.objects.filter(index__table="auth_group", scans__gt=0)
    assert kept.aggregate(Sum("scans"))["scans__sum"] == 12
    source = get_backend("default").use.report(columns=False).source
    seen = past("default", source)
    used = {count.index.name for count in kept.select_related("index")}
    assert all(seen["auth_group", name].last_used is not None for name in used)
