"""Sizes over time: kept where they change, forgotten in time, and where they lead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.maintenance.growth import SizeHistory
from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot
from dbhealth.maintenance.sizes import Sizes, keep_sizes, read_sizes
from dbhealth.maintenance.snapshots import snapshot_sizes
from tests.shopapp.models import Parcel

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = StatisticsSource(name="by hand", now=START)


def look(day, size, *, database=1_000_000, **others):
    """Take a look on a day at tables and the index of one, by name and bytes."""
    relations = {("shelf", ""): size, **{tuple(k.split("__")): v for k, v in others.items()}}
    source = replace(SOURCE, now=START + day * DAY)
    return keep_sizes("default", Sizes(source=source, database=database, relations=relations))


def history(day):
    return SizeHistory("default", replace(SOURCE, now=START + day * DAY))


def of_shelf(day, now):
    return history(day).of(now, ("shelf", ""))


def test_the_first_look_keeps_every_size_and_the_next_ones_what_has_changed():
    taken = look(0, 1000, shelf__by_title=500)
    assert (taken.number, taken.relations, taken.changed) == (1, 2, 2)
    taken = look(1, 1000, shelf__by_title=600)
    assert (taken.number, taken.relations, taken.changed) == (2, 2, 1)
    assert SizeChange.objects.get(snapshot__number=2).before == 500


def test_slow_growth_is_kept_when_it_has_come_to_a_hundredth():
    for day in range(21):
        look(day, 100_000 + 300 * day)
    kept = SizeChange.objects.values_list("bytes", flat=True).order_by("snapshot__number")
    assert list(kept) == [100_000, 101_200, 102_400, 103_600, 104_800, 106_000]


def test_growth_is_what_came_since_the_oldest_look_of_ninety_days():
    for day in range(0, 121, 10):
        look(day, 100_000 + 1_000 * day)
    growth = of_shelf(125, 225_000)
    assert growth.since == START + 40 * DAY
    assert (growth.then, growth.now) == (140_000, 225_000)
    assert growth.per_day == pytest.approx(1_000)
    assert growth.in_30_days == pytest.approx(255_000, rel=0.01)
    assert growth.in_90_days == pytest.approx(315_000, rel=0.01)
    assert growth.as_dict()["bytes"] == 85_000


def test_the_database_has_a_history_of_its_own():
    for day in range(10):
        look(day, 1, database=1_000_000 + 50_000 * day)
    growth = history(10).of_database(1_500_000)
    assert growth.per_day == pytest.approx(50_000)
    assert growth.in_90_days == pytest.approx(6_000_000)


def test_a_load_or_a_vacuum_full_does_not_bend_the_projection():
    for day in range(30):
        look(day, 1_000_000 + 20_000 * day + (5_000_000 if day >= 23 else 0))
    assert of_shelf(30, 6_600_000).per_day == pytest.approx(20_000, rel=0.15)


def test_nothing_is_projected_from_less_than_a_week():
    look(0, 1000)
    look(5, 2000)
    growth = of_shelf(6, 2200)
    assert (growth.then, growth.now) == (1000, 2200)
    assert (growth.per_day, growth.in_30_days, growth.in_90_days) == (None, None, None)


def test_nothing_shrinks_below_nothing():
    for day in range(10):
        look(day, 100_000 - 10_000 * day)
    assert of_shelf(10, 0).in_90_days == 0


def test_a_table_that_came_later_grew_from_its_first_look_on():
    look(0, 1)
    look(10, 1, new__=500)
    look(20, 1, new__=1500)
    growth = history(21).of(1500, ("new", ""))
    assert (growth.since, growth.then) == (START + 10 * DAY, 500)
    assert history(21).of(1500, ("nowhere", "")) is None


def test_relations_together_grow_as_their_sum():
    look(0, 1000, shelf__by_title=100)
    look(10, 2000, shelf__by_title=400)
    growth = history(10).of(2600, ("shelf", ""), ("shelf", "by_title"))
    assert (growth.then, growth.now) == (1100, 2600)


@override_settings(DBHEALTH={"SIZE_HISTORY_DAYS": 30})
def test_what_is_kept_too_long_is_forgotten_and_the_sizes_before_are_known_still():
    look(0, 1000, gone__=7)
    for day in range(10, 101, 10):
        look(day, 1000 if day < 90 else 5000)
    assert SizeSnapshot.objects.count() == 4
    assert [(c.before, c.bytes) for c in SizeChange.objects.all()] == [(1000, 5000)]
    assert not SizedRelation.objects.filter(table="gone").exists()
    growth = of_shelf(101, 5000)
    assert (growth.since, growth.then) == (START + 70 * DAY, 1000)


def test_the_history_of_a_standby_is_kept_apart_in_the_database_that_takes_rows():
    look(0, 5)
    standby = Sizes(source=replace(SOURCE, replica=True), database=7, relations={})
    keep_sizes("standby", standby)
    assert set(SizeSnapshot.objects.values_list("database", flat=True)) == {"default", "standby"}


def test_three_thousand_tables_are_kept_and_read_in_few_statements(django_assert_max_num_queries):
    many = {f"table_{number}__": number * 100 for number in range(3_000)}
    look(0, 1, **many)
    # SQLite takes no more than 999 values in each INSERT.
    with django_assert_max_num_queries(60):
        assert look(1, 1, **{name: size * 2 for name, size in many.items()}).changed == 2_999
    with django_assert_max_num_queries(6):
        assert history(2).of(7, ("table_2999", "")).then == 299_900


def test_a_real_look_finds_the_tables_and_their_indexes():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE shelf (id integer PRIMARY KEY, title text)")
        cursor.execute("CREATE INDEX shelf_title ON shelf (title)")
        cursor.execute("INSERT INTO shelf VALUES (1, 'x')")
    sizes = read_sizes(get_backend("default"))
    size = get_backend("default").statistics.relation_size("shelf")
    assert sizes.relations["shelf", ""] > 0
    assert 0 < sizes.relations["shelf", "shelf_title"] <= size.index_bytes
    taken = snapshot_sizes("default")
    assert (taken.number, taken.bytes > 0) == (1, True)
    assert SizedRelation.objects.filter(table="shelf").count() >= 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_held_table_keeps_the_size_that_it_had(second):
    snapshot_sizes("default")
    before = SizedRelation.objects.get(table="shop_parcels", index="").bytes
    Parcel.objects.create(number="one more")
    try:
        with second.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE shop_parcels IN ACCESS EXCLUSIVE MODE")
        assert ("shop_parcels", "") not in read_sizes(get_backend("default")).relations
        snapshot_sizes("default")
    finally:
        second.close()
    assert SizedRelation.objects.get(table="shop_parcels", index="").bytes == before
