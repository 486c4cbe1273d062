"""``db_stats``: growth since the snapshots, the condition of tables, and CSV."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot
from tests.commands.tools import send

pytestmark = pytest.mark.django_db(databases=["default", "other"])
ON_SERVER = connection.vendor == "postgresql"


def stats(*options):
    out = io.StringIO()
    call_command("db_stats", "--database", "default", *options, stdout=out)
    return out.getvalue()


def default(*options):
    return json.loads(stats("--format", "json", *options))["databases"]["default"]


@pytest.fixture
def month():
    """Take a snapshot that seems to be a month old, when everything had half its size."""
    stats("--snapshot")
    then = timezone.now() - timedelta(days=30)
    look = SizeSnapshot.objects.get(database="default")
    SizeSnapshot.objects.update(taken_at=then, bytes=look.bytes // 2)
    SizedRelation.objects.update(first_seen=then, last_seen=then)
    for change in SizeChange.objects.all():
        SizeChange.objects.filter(pk=change.pk).update(bytes=change.bytes // 2)
    return look


def test_a_snapshot_says_what_it_has_kept():
    said = stats("--snapshot")
    relations = SizedRelation.objects.filter(database="default").count()
    assert relations > 100
    assert said.startswith("default: snapshot 1, ")
    assert f"{relations} tables and indexes, {relations} changed" in said
    again = json.loads(stats("--snapshot", "--format", "json"))["default"]
    assert again["number"] == 2
    assert again["changed"] < relations / 2


def test_without_a_snapshot_nothing_is_said_of_growth():
    found = default("--largest", "3")
    assert found["growth"] is None
    assert {entry["growth"] for entry in found["largest"]} == {None}
    assert "in 30 days" not in stats()


def test_growth_and_projections_of_database_tables_and_indexes(month):
    found = default("--largest", "50")
    assert found["growth"]["then"] == month.bytes // 2
    assert found["growth"]["in_30_days"] == pytest.approx(found["bytes"] * 1.5, rel=0.1)
    assert found["growth"]["in_90_days"] == pytest.approx(found["bytes"] * 2.5, rel=0.1)
    names = [entry["name"] for entry in found["largest"]]
    tables = [entry for entry in found["tables"] if entry["table"] in names]
    assert len(tables) == 50
    for entry in (*tables, *found["indexes"]):
        if entry["table"].startswith("dbhealth_"):
            continue  # it has grown by the snapshot itself
        growth = entry["growth"]
        assert growth["then"] == pytest.approx(growth["now"] / 2, abs=2)
        assert growth["in_30_days"] == pytest.approx(growth["now"] * 1.5, rel=0.01)
    assert [entry["bytes"] for entry in found["indexes"]] == sorted(
        (entry["bytes"] for entry in found["indexes"]), reverse=True
    )


def test_people_read_the_same(month):
    said = stats("--largest", "2")
    heading = said.splitlines()[0]
    assert "since" in heading
    assert "at this pace" in heading
    assert "in 90" in heading
    assert said.count("in 30 days") == 3
    assert ("condition" in said) == ON_SERVER


def test_every_table_has_its_condition():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE standing (id integer PRIMARY KEY, body text)")
        cursor.execute("INSERT INTO standing VALUES (1, 'x'), (2, 'y')")
    [found] = [entry for entry in default()["tables"] if entry["table"] == "standing"]
    assert found["total_bytes"] >= found["bytes"] > 0
    if ON_SERVER:
        assert (found["autovacuum"]["enabled"], found["autovacuum"]["due"]) == (True, [])
        assert (found["dead_share"], found["age"] >= 0) == (0, True)
    else:
        assert found["rows"] == 2


def test_csv_has_a_line_for_each_database_table_and_index(month):
    send(7)
    rows = list(csv.DictReader(io.StringIO(stats("--format", "csv", "--largest", "4"))))
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("database"), kinds.count("index")) == (1, 4)
    [parcels] = [row for row in rows if row["table"] == "shop_parcels" and row["kind"] == "table"]
    assert (parcels["database"], parcels["archivable_rows"]) == ("default", "7")
    assert int(parcels["bytes"]) > 0
    assert int(rows[0]["in_90_days"]) > int(rows[0]["bytes"])


@pytest.mark.postgresql
def test_what_tables_waste_is_guessed_or_measured():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE wasteful AS SELECT i, repeat('x', 100) AS body "
            "FROM generate_series(1, 20000) AS i"
        )
        cursor.execute("DELETE FROM wasteful WHERE i % 4 > 0")
        cursor.execute("ANALYZE wasteful")
        cursor.execute("CREATE EXTENSION pgstattuple")
    for options, exact in (((), False), (("--exact", "5"), True)):
        [table] = [t for t in default(*options)["tables"] if t["table"] == "wasteful"]
        assert table["bloat"]["exact"] is exact
        assert table["bloat"]["wasted_bytes"] > table["bytes"] / 2
    assert "~" in stats("--largest", "1")
    assert "~" not in stats("--largest", "1", "--exact", "5")
