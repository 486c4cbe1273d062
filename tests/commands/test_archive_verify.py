"""``archive --verify``: what it says, what it writes (nothing), and its exit codes."""

import pytest

from dbhealth.models import MaintenanceRun
from tests.commands.tools import everything, send
from tests.shopapp.models import ParcelArchive

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.fixture
def run(manage):
    """Archive twelve parcels and return the run's number, as text."""
    send(12)
    assert manage("archive", "--table", "shop_parcels").code == 0
    return str(MaintenanceRun.objects.get().pk)


def test_rows_that_are_as_they_were_end_with_0(manage, run):
    done = manage("archive", "--verify", run)
    assert (done.code, done.err) == (0, "")
    name, archive, state, rows, found = done.out.splitlines()[1].split()
    assert (name, archive) == ("shop_parcels", "shop_parcels_archive")
    assert (state, rows, found) == ("verified", "12", "12")
    assert "shop_parcels: Every row is there as it was moved." in done.said


def test_changed_content_ends_with_1_and_names_the_table(manage, run):
    ParcelArchive.objects.filter(number="200-3").update(weight="1.01")
    done = manage("archive", "--verify", run)
    assert done.code == 1
    assert "their content has changed" in done.said
    assert f"Run {run}: 1 of 1 table not verified: shop_parcels." in done.err


def test_missing_rows_end_with_1_and_are_counted(manage, run):
    ParcelArchive.objects.filter(number="200-3").delete()
    done = manage("archive", "--verify", run)
    assert done.code == 1
    assert "Rows missing: 1." in done.said


def test_json_is_one_document_on_stdout(manage, run):
    done = manage("archive", "--verify", run, "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.json["run"] == int(run)
    assert done.json["ok"] is True
    assert done.json["tables"]["shop_parcels"]["rows_found"] == 12
    ParcelArchive.objects.all().delete()
    done = manage("archive", "--verify", run, "--format", "json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert done.json["tables"]["shop_parcels"]["state"] == "differs"


def test_nothing_is_written(manage, run):
    before = everything()
    manage("archive", "--verify", run)
    assert everything() == before


def test_a_run_that_does_not_exist_ends_with_2(manage, run):
    done = manage("archive", "--verify", "4711")
    assert done.code == 2
    assert "no run 4711" in done.err


def test_a_run_of_another_kind_ends_with_2(manage, run):
    MaintenanceRun.objects.update(operation="purge")
    done = manage("archive", "--verify", run)
    assert done.code == 2
    assert "no archive run but a purge of shop_parcels" in done.err


def test_the_database_can_be_named(manage, run):
    assert manage("archive", "--verify", run, "--database", "default").code == 0
    assert manage("archive", "--verify", run, "--database", "other").code == 2


@pytest.mark.parametrize(
    "option", [["--dry-run"], ["--table", "shop_parcels"], ["--max-rows", "5"]]
)
def test_options_that_would_mean_nothing_are_wrong_usage(manage, run, option):
    done = manage("archive", "--verify", run, *option)
    assert done.code == 2
    assert option[0] in done.err


def test_a_run_that_moved_nothing_is_told_in_peace(manage):
    send(0)
    manage("archive", "--table", "shop_parcels")
    done = manage("archive", "--verify", str(MaintenanceRun.objects.get().pk))
    assert done.code == 0
    assert "has moved no rows" in done.said
