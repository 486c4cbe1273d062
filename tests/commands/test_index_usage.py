"""``index_usage``: what people and programs are shown, and which indexes are chosen."""

import json
import time

import pytest
from django.db import connection, connections

from dbhealth.backends import get_backend
from tests.commands.tools import everything
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db(databases=["default", "other"])
on_postgresql = pytest.mark.skipif(postgres_major() is None, reason="SQLite counts no scans.")

ONE = ("index_usage", "--database", "default")
FIELDS = {
    "table",
    "name",
    "definition",
    "owner",
    "bytes",
    "exact_bytes",
    "scans",
    "rows_read",
    "rows_fetched",
    "last_scan",
    "share",
    "hit_ratio",
    "valid",
    "building",
    "stays",
    "verdicts",
}


@pytest.fixture
def twins(db):
    """Give the parcels two equal indexes that nobody declares."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX twin_1 ON shop_parcels (weight)")
        cursor.execute("CREATE INDEX twin_2 ON shop_parcels (weight)")


def indexes(done):
    """Return the indexes of the JSON document by name."""
    return {row["name"]: row for row in done.json["databases"]["default"]["indexes"]}


def test_programs_get_every_figure_of_every_index(manage, twins):
    done = manage(*ONE, "--format", "json")
    assert (done.code, done.err) == (0, "")
    found = indexes(done)
    assert all(set(row) == FIELDS for row in found.values())
    twin = found["twin_2"]
    assert (twin["table"], twin["owner"]) == ("shop_parcels", None)
    assert twin["definition"].startswith("CREATE INDEX")
    [verdict] = [item for item in twin["verdicts"] if item["code"] == "duplicate"]
    assert (verdict["other"], verdict["level"], verdict["confidence"]) == (
        "twin_1",
        "warning",
        "high",
    )
    assert "DROP INDEX" in verdict["sql"]
    assert verdict["reasons"]
    owned = next(row for row in found.values() if (row["owner"] or {}).get("field") == "sent_at")
    assert owned["owner"]["model"] == "shopapp.Parcel"
    assert owned["owner"]["file"].endswith("shopapp/models.py")
    assert owned["owner"]["line"] > 1
    statistics = done.json["databases"]["default"]["statistics"]
    assert {"source", "since", "replica", "replicas"} <= set(statistics)


def test_people_read_the_same(manage, twins):
    done = manage(*ONE, "--table", "shop_parcels")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("  twin_2"))
    assert "CREATE INDEX" in lines[place + 1]
    assert lines[place + 2].strip() == "declared by nobody"
    assert "duplicate (confidence high" in lines[place + 3]
    assert "twin_1 is the same index" in done.said
    assert "-> No model declares it: drop it with the SQL" in done.said
    assert "db_index of shopapp.Parcel.sent_at" in done.out
    assert "[1] " in done.out
    assert "1 duplicate" in lines[-2]


def test_only_duplicates_or_only_the_unused_are_shown_when_they_are_asked_for(manage, twins):
    found = indexes(manage(*ONE, "--duplicates", "--format", "json"))
    assert "twin_2" in found
    assert "twin_1" not in found
    assert all(
        {item["code"] for item in row["verdicts"]} & {"duplicate", "covered"}
        for row in found.values()
    )
    text = manage(*ONE, "--duplicates", "--table", "shop_parcels").out
    assert "  twin_2" in text
    assert "  twin_1" not in text
    assert "missing" not in text


@on_postgresql
def test_the_unused_and_the_duplicates_together_mean_either(manage, twins):
    unused = indexes(manage(*ONE, "--unused", "--format", "json"))
    assert {"twin_1", "twin_2"} <= set(unused)
    assert "shop_parcels_pkey" not in unused
    twice = indexes(manage(*ONE, "--duplicates", "--format", "json"))
    both = indexes(manage(*ONE, "--unused", "--duplicates", "--format", "json"))
    assert set(both) == set(unused) | set(twice)


def test_only_the_tables_that_are_named_are_shown(manage, twins):
    done = manage(*ONE, "--table", "shop_parcels", "--table", "shopapp.Label", "--format", "json")
    assert {row["table"] for row in indexes(done).values()} == {"shop_parcels", "shop_labels"}


def test_all_databases_are_shown_unless_one_is_named(manage):
    assert list(manage("index_usage", "--format", "json").json["databases"]) == ["default", "other"]
    assert list(manage(*ONE, "--format", "json").json["databases"]) == ["default"]


def test_a_table_or_database_that_is_not_there_is_wrong_usage(manage):
    done = manage(*ONE, "--table", "shop_parcel")
    assert done.code == 2
    assert "Did you mean 'shop_parcels'?" in done.said
    assert manage("index_usage", "--database", "nowhere").code == 2


def test_a_missing_index_is_shown_with_what_to_add(manage):
    name = next(
        index.name
        for index in get_backend("default").indexes.catalogue(["shop_parcels"]).indexes
        if index.shape.columns == ("sent_at",)
    )
    with connection.cursor() as cursor:
        cursor.execute(f'DROP INDEX "{name}"')
    done = manage(*ONE, "--table", "shop_parcels")
    assert "shop_parcels (sent_at)" in done.out
    assert "selection (confidence high" in done.out
    [row] = manage(*ONE, "--table", "shop_parcels", "--format", "json").json["databases"][
        "default"
    ]["missing"]
    assert (row["code"], row["columns"]) == ("selection", ["sent_at"])
    assert 'models.Index(fields=["sent_at"]' in row["change"]


@on_postgresql
def test_the_scans_of_a_replica_are_added(manage, monkeypatch, twins):
    with connections["other"].cursor() as cursor:
        cursor.execute("CREATE INDEX twin_1 ON shop_parcels (weight)")
    alone = indexes(manage(*ONE, "--format", "json"))["twin_1"]["scans"]
    added = indexes(manage(*ONE, "--replica", "other", "--format", "json"))["twin_1"]["scans"]
    assert (alone, added) == (0, 0)
    assert manage(*ONE, "--replica", "nowhere").code == 2


def test_looking_changes_nothing(manage):
    before = everything()
    manage("index_usage")
    assert everything() == before


def test_the_document_is_one_json_object_with_a_line_for_each_index(manage, twins):
    done = manage(*ONE, "--format", "json")
    lines = [line for line in done.out.splitlines() if line.startswith('{"table"')]
    assert len(lines) == len(indexes(done))
    assert json.loads(lines[0].rstrip(",").removesuffix('], "missing": [')) is not None


@on_postgresql
@pytest.mark.django_db(databases=["default", "other"], transaction=True)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_table_that_another_session_holds_is_left_out_at_once_and_named(manage, form):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE shop_parcels IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            done = manage(*ONE, "--format", form)
            took = time.monotonic() - began
    finally:
        other.close()
    assert took < 2
    assert done.code == 1
    assert "1 table left out" in done.err
    assert "shop_parcels" in done.err
    assert "shop_parcels_archive" in done.out
    assert "sent_at_" not in done.out, "nothing is known of its indexes"
    if form == "json":
        assert done.json["databases"]["default"]["left_out"] == ["shop_parcels"]
