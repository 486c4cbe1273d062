"""How tables stand, as the last look keeps it for the pages that show it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings

from dbhealth.backends import get_backend
from dbhealth.backends.condition import Autovacuum, Conditions, Due, TableCondition
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.maintenance.models import TrackedTable
from dbhealth.maintenance.sizes import Sizes, keep_sizes
from dbhealth.maintenance.snapshots import keep_tables, snapshot_sizes

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MIB = 1024 * 1024
LIMITS = Autovacuum(dead=50, inserted=None, changed=50, age=1, multixact_age=1)


def keep(*tables, day=0, database=1000 * MIB, active=True):
    """Keep a report with these tables as a look on a day; return the rows by table."""
    source = StatisticsSource(name="by hand", now=MOMENT + day * DAY)
    report = Conditions(source=source, tables=tables, autovacuum=active)
    relations = {(table.table, ""): table.bytes for table in tables if table.bytes}
    sizes = Sizes(source=source, database=database, relations=relations)
    keep_sizes("default", sizes)
    keep_tables("default", report, sizes)
    return {row.table: row for row in TrackedTable.objects.filter(database="default")}


def conditions(row):
    return {name for name in TrackedTable.CONDITIONS if getattr(row, name)}


def test_a_real_look_keeps_each_table_with_its_model_and_its_figures():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE nobodys (id integer PRIMARY KEY)")
        cursor.execute("INSERT INTO nobodys VALUES (1), (2)")
    size = get_backend("default").statistics.relation_size("nobodys")
    snapshot_sizes("default")
    row = TrackedTable.objects.get(table="nobodys")
    assert (row.model, row.app_label, row.kind) == ("", "", "table")
    assert (row.bytes, row.index_bytes) == (size.total_bytes, size.index_bytes)
    assert 0 < row.share < 1
    assert row.measured
    assert row.figures["table"] == "nobodys"
    assert row.looked_at == row.first_seen
    owned = TrackedTable.objects.get(table="shop_parcels")
    assert (owned.model, owned.app_label) == ("shopapp.Parcel", "shopapp")


def test_a_later_look_renews_the_figures_and_forgets_tables_that_are_gone():
    first = keep(TableCondition(table="a", rows=1), TableCondition(table="b", rows=1))
    TrackedTable.objects.create(**{**_plain(first["b"]), "database": "elsewhere"})
    found = keep(TableCondition(table="a", rows=7), TableCondition(table="c"), day=1)
    assert set(found) == {"a", "c"}
    assert (found["a"].pk, found["a"].rows) == (first["a"].pk, 7)
    assert found["a"].first_seen == MOMENT
    assert found["a"].looked_at == MOMENT + DAY
    assert TrackedTable.objects.filter(database="elsewhere").count() == 1


def _plain(row):
    names = [field.name for field in TrackedTable._meta.fields if field.name != "id"]
    return {name: getattr(row, name) for name in names}


def test_growth_of_a_day_comes_from_the_looks_before():
    for day in range(8):
        found = keep(TableCondition(table="a", bytes=(20 + day) * MIB), day=day)
    assert found["a"].per_day == pytest.approx(MIB)
    assert found["a"].share == pytest.approx(0.027)
    assert found["a"].figures["growth"]["in_30_days"] == 57 * MIB


@pytest.mark.parametrize(
    "facts,expected",
    [
        ({"rows": 90_000, "dead_rows": 10_000}, set()),
        ({"rows": 30_000, "dead_rows": 10_000}, {"many_dead"}),
        ({"rows": 10, "dead_rows": 9_999}, set()),
        ({"bytes": 200 * MIB, "unused_bytes": 100 * MIB}, {"bloated"}),
        ({"bytes": 200 * MIB, "unused_bytes": 99 * MIB}, set()),
        ({"rows": 1, "analyzed_rows": None}, {"unanalyzed"}),
        ({"rows": 0, "analyzed_rows": None}, set()),
        (
            {"autovacuum": replace(LIMITS, due=(Due.DEAD, Due.CHANGED))},
            {"vacuum_due", "analyze_due"},
        ),
        ({"autovacuum": replace(LIMITS, enabled=False)}, {"unattended"}),
    ],
)
def test_the_conditions_of_a_table_begin_where_the_findings_do(facts, expected):
    table = TableCondition(table="a", **{"analyzed_rows": 1, **facts})
    assert conditions(keep(table)["a"]) == expected


@override_settings(DBHEALTH={"THRESHOLDS": {"default": {"dead_rows": 5, "dead_share": 0.01}}})
def test_a_project_says_itself_what_many_dead_rows_are():
    table = TableCondition(table="a", rows=400, dead_rows=5, analyzed_rows=1)
    assert conditions(keep(table)["a"]) == {"many_dead"}


def test_on_a_server_without_autovacuum_no_table_is_attended():
    assert conditions(keep(TableCondition(table="a"), active=False)["a"]) == {"unattended"}
    assert conditions(keep(TableCondition(table="a"), active=None)["a"]) == set()


def test_a_look_takes_few_statements_for_many_tables(django_assert_max_num_queries):
    tables = [TableCondition(table=f"table_{number}") for number in range(600)]
    keep(*tables)
    # SQLite takes no more than 999 values in each INSERT.
    chunks = 2 if connection.vendor == "postgresql" else 600 // (999 // 26) + 1
    with django_assert_max_num_queries(34 + chunks):
        keep(*tables, day=1)
    with django_assert_max_num_queries(34):
        keep(day=2)
    assert not TrackedTable.objects.exists()
