"""``db_stats``: sizes, counts and what may leave."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from dbhealth.models import MaintenanceRun
from tests.commands.tools import everything, interact, send
from tests.shopapp.models import Interaction

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.fixture
def without_an_archive_table(db):
    """Take the archive table of the parcels away, and bring it back."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels_archive RENAME TO set_aside")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE set_aside RENAME TO shop_parcels_archive")


def test_every_table_with_a_policy_has_its_figures(manage):
    send(30)
    manage("archive", "--table", "shop_parcels", "--max-rows", "10")
    done = manage("db_stats", "--format", "json")
    assert (done.code, done.err) == (0, "")
    entry = done.json["archives"]["tables"]["shop_parcels"]
    assert (entry["rows"], entry["archive_rows"], entry["archivable_records"]) == (21, 10, 20)
    assert entry["retention_days"] == 90
    assert entry["bytes"] > 0
    assert entry["archive_bytes"] > 0
    assert entry["oldest"]
    assert entry["last_run"]["id"] == MaintenanceRun.objects.get().pk
    assert entry["last_run"]["state"] == "succeeded"
    assert entry["error"] == ""
    assert done.json["archives"]["total_archivable_records"] == 20


def test_every_database_has_its_size_and_its_largest_tables(manage):
    databases = manage("db_stats", "--format", "json", "--largest", "3").json["databases"]
    assert list(databases) == ["default", "other"]
    default = databases["default"]
    assert default["alias"] == "default"
    assert default["engine"].lower() == connection.vendor
    assert default["bytes"] > 0
    assert len(default["largest"]) == 3
    totals = [entry["total_bytes"] for entry in default["largest"]]
    assert totals == sorted(totals, reverse=True)


def test_people_read_the_same(manage):
    send(30)
    interact(2000)
    manage("archive", "--table", "shop_parcels", "--max-rows", "10")
    done = manage("db_stats", "--largest", "2")
    assert (done.code, done.err) == (0, "")
    assert "default (" in done.out
    assert "other (" in done.out
    lines = [line for line in done.out.splitlines() if line.startswith("shop_parcels ")]
    cells = lines[-1].split()
    assert cells[:4] == ["shop_parcels", "90", "d", "21"]
    assert "10" in cells
    assert cells[-1] == "succeeded"
    largest = done.out.partition("\n\n")[0].splitlines()
    assert len(largest) == 4  # the database, a heading, two tables
    assert "2,020 rows may be archived now." in done.said


def test_one_database_is_shown_when_it_is_named(manage):
    send(4, using="other")
    stats = manage("db_stats", "--database", "other", "--format", "json").json
    assert list(stats["databases"]) == ["other"]
    assert stats["archives"]["tables"]["shop_parcels"]["rows"] == 5
    assert stats["archives"]["tables"]["shop_parcels"]["database"] == "other"


@pytest.mark.usefixtures("without_an_archive_table")
def test_a_missing_archive_table_shows_its_reason_and_the_others_their_figures(manage):
    send(4)
    interact(5)
    for form in ("text", "json"):
        done = manage("db_stats", "--format", form)
        assert done.code == 1
        assert "The archive table shop_parcels_archive does not exist" in done.said
        assert "No figures of 1 table: shop_parcels." in done.err
    tables = done.json["archives"]["tables"]
    assert tables["shop_parcels"]["rows"] is None
    assert tables[Interaction._meta.db_table]["archivable_records"] == 5


def test_reading_figures_writes_nothing(manage):
    send(4)
    before = everything()
    manage("db_stats")
    assert everything() == before


@pytest.mark.parametrize("arguments", ["--largest 0", "--database nope", "--format xml"])
def test_wrong_usage_ends_with_code_2(manage, arguments):
    done = manage("db_stats", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert arguments.split()[1] in done.err


def test_a_wrong_alias_from_python_is_a_command_error_with_code_2():
    with pytest.raises(CommandError, match="There is no database 'nope'") as caught:
        call_command("db_stats", database="nope")
    assert caught.value.returncode == 2
