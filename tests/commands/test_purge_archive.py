"""``purge_archive``: its options, what it shows, and its exit codes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dbhealth.models import MaintenanceRun
from tests.commands.tools import everything, in_a_process, on_a_terminal, send
from tests.moveapp.tools import change_policy
from tests.shopapp.models import InteractionArchive, Parcel, ParcelArchive

pytestmark = pytest.mark.django_db(databases=["default", "other"])

ARCHIVE = "shop_parcels_archive"
ONE = ("purge_archive", "--table", "shop_parcels", "--older-than-days", "3650")


def keep(old, young=30, *, using="default", run=7):
    """Make archived parcels: some that are past ten years, some that are not."""
    now = timezone.now()
    ages = [4000] * old + [10] * young
    made = [
        ParcelArchive(
            number=f"{place}", sent_at=now - timedelta(days=days + 100), archive_run_id=run,
            archived_at=now - timedelta(days=days, seconds=place), pk=place + 1,
        )
        for place, days in enumerate(ages)
    ]  # fmt: skip
    ParcelArchive.objects.using(using).bulk_create(made)


@pytest.fixture
def ten_years(monkeypatch):
    """Let the archive of the parcels keep its rows for ten years."""
    change_policy(monkeypatch, ParcelArchive, purge_after=timedelta(days=3650))


def fact(done, label):
    (line,) = [line for line in done.out.splitlines() if line.startswith(f"  {label}  ")]
    return line.removeprefix(f"  {label}").strip()


@pytest.mark.usefixtures("ten_years")
def test_archives_with_a_purge_after_are_purged(manage):
    keep(12)
    send(3)
    done = manage("purge_archive")
    assert (done.code, ParcelArchive.objects.count()) == (0, 30)
    assert Parcel.objects.count() == 4
    assert ARCHIVE in done.out
    assert "12 archived rows deleted for good in" in done.said


def test_where_no_archive_has_one_nothing_is_done_and_it_is_said(manage):
    keep(12)
    done = manage("purge_archive")
    assert (done.code, ParcelArchive.objects.count()) == (0, 42)
    assert "No archive has a purge_after" in done.said


@pytest.mark.parametrize(
    "name", ["shop_parcels", "shopapp.Parcel", "shop_parcels_archive", "shopapp.ParcelArchive"]
)
def test_an_archive_is_called_by_any_of_its_names(manage, name):
    keep(3)
    done = manage("purge_archive", "--table", name, "--older-than-days", "3650")
    assert (done.code, ParcelArchive.objects.count()) == (0, 30)


def test_a_named_archive_without_a_purge_after_is_refused(manage):
    keep(3)
    done = manage("purge_archive", "--table", "shop_parcels")
    assert (done.code, ParcelArchive.objects.count()) == (1, 33)
    assert "The policy of shopapp.ParcelArchive has no purge_after." in done.said
    assert f"1 of 1 archive was not purged: {ARCHIVE}." in done.err


def test_a_wrong_table_name_ends_with_code_2_and_a_suggestion(manage):
    done = manage("purge_archive", "--table", "shop_parcel")
    assert (done.code, done.out) == (2, "")
    assert "There is no archive for 'shop_parcel'. Did you mean 'shop_parcels'?" in done.said


@pytest.mark.parametrize(
    "arguments",
    [
        "--older-than-days 3650",
        "--table shop_parcels --older-than-days 0",
        "--table shop_parcels --older-than-days -1",
        "--table shop_parcels --older-than-days 1.5",
        "--table shop_parcels --older-than-days 999999999999",
        "--batch-size 0",
        "--max-rows 0",
        "--max-runtime 0",
        "--database nope",
        "--format xml",
        "--allow",
    ],
)
def test_wrong_usage_ends_with_code_2_and_deletes_nothing(manage, arguments):
    keep(3)
    done = manage("purge_archive", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert ParcelArchive.objects.count() == 33
    assert not MaintenanceRun.objects.exists()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_dry_run_writes_nothing_at_all(manage, form):
    keep(12)
    before = everything()
    done = manage(*ONE, "--dry-run", "--format", form)
    assert done.code == 0
    assert everything() == before


def test_a_dry_run_shows_what_would_go(manage):
    keep(12)
    done = manage(*ONE, "--dry-run", "--batch-size", "5")
    assert fact(done, "archive of") == "shop_parcels"
    assert fact(done, "cutoff").endswith("UTC (keeps 3650 days)")
    assert fact(done, "rows in it") == "42"
    assert fact(done, "past the cutoff") == "12 (28.6%)"
    assert fact(done, "archived by") == "run 7 (12 rows)"
    assert fact(done, "would delete") == "12 rows for good in about 3 batches of at most 5 rows"
    written = f"{ParcelArchive.objects.get(pk=1).sent_at:%Y-%m-%d %H:%M:%S}"
    assert fact(done, "written") == f"{written} to {written}"
    assert "DELETE FROM" in done.out
    lock = "RowExclusiveLock" if connection.vendor == "postgresql" else "RESERVED"
    assert f"lock {lock}, blocks" in done.said
    said = (
        "Dry run: nothing was changed. 12 archived rows would be deleted for good from 1 archive."
    )
    assert said in done.said


def test_a_dry_run_shows_what_stands_in_the_way(manage):
    keep(12, young=2)
    done = manage(*ONE, "--dry-run")
    assert done.code == 1
    assert "12 of the 14 rows of shop_parcels_archive would be deleted for good: 85.7%" in done.said
    assert "To go ahead all the same: --allow-share." in done.said
    assert f"1 of 1 archive would not be purged: {ARCHIVE}." in done.err
    assert "0 archived rows would be deleted for good from 0 archives" in done.said


def test_overrides_go_ahead(manage):
    keep(12, young=0)
    assert manage(*ONE).code == 1
    assert manage(*ONE, "--allow-share").code == 1
    assert manage(*ONE, "--allow-emptying").code == 1
    assert ParcelArchive.objects.count() == 12
    assert manage(*ONE, "--allow-emptying", "--allow-share").code == 0
    assert ParcelArchive.objects.count() == 0


def test_json_is_one_document_and_nothing_else(manage):
    keep(12)
    done = manage(*ONE, "--format", "json", "--batch-size", "5")
    entry = done.json["tables"][ARCHIVE]
    assert (entry["state"], entry["rows"], entry["batches"]) == ("succeeded", 12, 3)
    assert entry["purged"] == {"7": 12}
    assert done.json["summary"]["total_records_purged"] == 12
    assert done.err == ""


def test_max_rows_bounds_it_and_the_next_run_goes_on(manage):
    keep(12)
    done = manage(*ONE, "--max-rows", "5")
    assert (done.code, ParcelArchive.objects.count()) == (0, 37)
    assert "max-rows reached; the next run goes on." in done.said
    assert manage(*ONE).code == 0
    assert ParcelArchive.objects.count() == 30


@pytest.mark.usefixtures("ten_years")
def test_an_archive_that_is_refused_does_not_hide_behind_another(manage, monkeypatch):
    change_policy(monkeypatch, InteractionArchive, purge_after=timedelta(days=3650))
    keep(12)
    now = timezone.now()
    InteractionArchive.objects.create(
        pk=1, happened_at=now, archived_at=now - timedelta(days=4000), archive_run_id=1
    )
    done = manage("purge_archive")
    assert done.code == 1
    assert (ParcelArchive.objects.count(), InteractionArchive.objects.count()) == (30, 1)
    assert "1 of 2 archives was not purged" in done.err


def test_another_database_is_worked_on_when_it_is_named(manage):
    keep(3)
    keep(4, using="other")
    assert manage(*ONE, "--database", "other").code == 0
    assert ParcelArchive.objects.count() == 33
    assert ParcelArchive.objects.using("other").count() == 30


def test_who_purged_is_on_record(manage):
    keep(3)
    manage(*ONE)
    run = MaintenanceRun.objects.get()
    assert (run.operation, run.target, run.trigger) == ("purge", ARCHIVE, "command")
    assert run.started_by
    shown = manage("maintenance_runs", "show", str(run.pk))
    assert shown.code == 0
    assert "purge" in shown.out


@pytest.mark.usefixtures("ten_years")
def test_db_stats_shows_what_may_be_purged(manage):
    keep(12)
    done = manage("db_stats")
    assert "purgeable" in done.out
    assert "12 archived rows may be purged now." in done.said


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_on_a_terminal_and_in_a_pipe_it_says_the_same(process_environment):
    keep(6)
    piped = in_a_process(process_environment(), *ONE, "--max-rows", "3")
    assert (piped.code, piped.err) == (0, "")
    seen = on_a_terminal(process_environment(), 80, *ONE)
    assert seen.code == 0
    assert "3 archived rows deleted for good" in piped.said
    assert "3 archived rows deleted for good" in seen.said


@pytest.mark.usefixtures("ten_years")
def test_a_dry_run_says_why_nothing_would_go(manage):
    empty = manage("purge_archive", "--dry-run")
    assert fact(empty, "would delete") == "nothing: it is empty"
    keep(0)
    young = manage("purge_archive", "--dry-run")
    assert fact(young, "would delete") == "nothing: none of its rows is old enough"
    assert "- to -" not in empty.out + young.out
