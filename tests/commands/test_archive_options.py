"""Every option of ``archive``: what it does, and the sentence for what it does not take."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from dbhealth.models import MaintenanceRun
from tests.commands.tools import everything, interact, read_meters, send
from tests.shopapp.models import Interaction, Parcel, ParcelArchive, Reading, ReadingArchive

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.mark.parametrize(
    "name",
    ["shop_parcels", "shopapp.Parcel", "shop_parcels_archive", "shopapp.ParcelArchive"],
)
def test_a_table_is_called_by_any_of_its_names(manage, name):
    send(3)
    interact(3)
    done = manage("archive", "--table", name)
    assert done.code == 0
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (1, 3)
    assert Interaction.objects.count() == 4


def test_the_option_table_may_be_given_more_than_once(manage):
    send(3)
    interact(3)
    read_meters(3)
    done = manage(
        "archive", "--table", "shop_parcels", "--table", "shopapp.Reading", "--format", "json"
    )
    assert list(done.json["tables"]) == ["shop_parcels", "Shop_Readings"]
    assert (Parcel.objects.count(), Reading.objects.count()) == (1, 1)
    assert Interaction.objects.count() == 4


def test_two_names_of_one_table_are_one_table(manage):
    send(3)
    done = manage(
        *("archive", "--table", "shop_parcels", "--table", "shopapp.Parcel", "--format", "json")
    )
    assert done.json["summary"]["tables"] == 1


def test_without_the_option_table_all_tables_have_their_turn(manage):
    send(3)
    interact(2)
    read_meters(1)
    done = manage("archive", "--format", "json")
    assert done.code == 0
    moved = {name: entry["rows"] for name, entry in done.json["tables"].items() if entry["rows"]}
    assert moved == {"shop_parcels": 3, Interaction._meta.db_table: 2, "Shop_Readings": 1}
    assert done.json["summary"]["total_records_archived"] == 6


def test_a_retention_may_be_given_for_once(manage):
    send(4, days=50)
    assert manage("archive", "--table", "shop_parcels").code == 0
    assert ParcelArchive.objects.count() == 0
    assert manage("archive", "--table", "shop_parcels", "--retention-days", "30").code == 0
    assert ParcelArchive.objects.count() == 4
    run = MaintenanceRun.objects.first()
    kept = run.created_at - run.cutoff
    assert abs(kept - timedelta(days=30)) < timedelta(seconds=5)


def test_a_batch_has_at_most_the_rows_it_is_told(manage):
    send(250)
    done = manage("archive", "--table", "shop_parcels", "--batch-size", "100", "--format", "json")
    entry = done.json["tables"]["shop_parcels"]
    assert (entry["rows"], entry["batches"]) == (250, 3)


def test_max_rows_bounds_each_table_and_the_next_run_goes_on(manage):
    send(25)
    read_meters(25)
    done = manage(
        *("archive", "--table", "shop_parcels", "--table", "Shop_Readings", "--max-rows", "10")
    )
    assert done.code == 0
    assert (ParcelArchive.objects.count(), ReadingArchive.objects.count()) == (10, 10)
    assert "max-rows reached; the next run goes on." in done.said
    assert manage("archive", "--table", "shop_parcels").code == 0
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (1, 25)


def test_max_runtime_ends_the_whole_call(manage):
    send(10)
    interact(10)
    done = manage("archive", "--max-runtime", "0.000001", "--format", "json")
    assert done.code == 0
    assert done.json["summary"]["total_records_archived"] == 0
    stopped = {entry["stopped"] for entry in done.json["tables"].values()}
    assert stopped == {"not begun: max-runtime reached"}
    assert Parcel.objects.count() == 11


def test_another_database_is_worked_on_when_it_is_named(manage):
    send(3)
    send(5, using="other")
    done = manage("archive", "--table", "shop_parcels", "--database", "other")
    assert done.code == 0
    assert ParcelArchive.objects.using("other").count() == 5
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (4, 0)
    assert MaintenanceRun.objects.using("other").get().database == "other"
    assert not MaintenanceRun.objects.exists()


def test_a_table_that_would_be_empty_is_archived_only_with_its_override(manage):
    read_meters(3, of_today=0)
    refused = manage("archive", "--table", "Shop_Readings")
    assert refused.code == 1
    assert "Every row of Shop_Readings (3) is older than" in refused.said
    assert "To go ahead all the same: --allow-emptying." in refused.said
    assert Reading.objects.count() == 3
    assert manage("archive", "--table", "Shop_Readings", "--allow-emptying").code == 0
    assert (Reading.objects.count(), ReadingArchive.objects.count()) == (0, 3)


def test_what_runs_is_recorded_with_who_asked(manage):
    send(1)
    manage("archive", "--table", "shop_parcels", "--max-rows", "7")
    run = MaintenanceRun.objects.get()
    assert run.trigger == "command"
    assert run.started_by
    assert run.options["max_rows"] == 7
    assert (run.state, run.rows_done) == ("succeeded", 1)


WRONG = {
    "--retention-days 0": "argument --retention-days: '0' is not a whole number of at least 1",
    "--retention-days -1": "argument --retention-days: '-1' is not a whole number of at least 1",
    "--retention-days x": "argument --retention-days: 'x' is not a whole number of at least 1",
    "--retention-days 1.5": "'1.5' is not a whole number",
    "--retention-days 99999999999999": "reaches back before the year 1",
    "--batch-size 0": "argument --batch-size: '0' is not a whole number of at least 1",
    "--max-rows 0": "argument --max-rows: '0' is not a whole number of at least 1",
    "--max-runtime nan": "argument --max-runtime: 'nan' is not a number of more than zero",
    "--max-runtime inf": "'inf' is not a number of more than zero",
    "--max-runtime 0": "'0' is not a number of more than zero",
    "--database nope": "There is no database 'nope' in DATABASES. There is default, other.",
    "--database othr": "There is no database 'othr' in DATABASES. Did you mean 'other'?",
    "--table shop_parcel": "There is no archive for 'shop_parcel'. Did you mean 'shop_parcels'?",
    "--table shopapp.Parcl": "Did you mean 'shopapp.Parcel'?",
    "--table zzz": "There is no archive for 'zzz'. Tables with an archive:",
    "--format xml": "argument --format: invalid choice: 'xml'",
    "--tabel shop_parcels": "unrecognized arguments: --tabel",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_a_clear_sentence_on_stderr_and_code_2(manage, arguments):
    send(2)
    before = everything()
    for more in ((), ("--dry-run",), ("--format", "json")):
        done = manage("archive", *more, *arguments.split())
        assert done.code == 2
        assert done.out == ""
        assert WRONG[arguments] in done.err
        assert "Traceback" not in done.err
    assert everything() == before


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"max_rows": 0},
        {"max_rows": 1.5},
        {"max_runtime": float("nan")},
        {"database": "nope"},
        {"table": ["nope"]},
        {"table": "nope"},
    ],
    ids=str,
)
def test_wrong_usage_from_python_is_a_command_error_with_code_2(options):
    send(2)
    before = everything()
    with pytest.raises(CommandError) as caught:
        call_command("archive", **options)
    assert caught.value.returncode == 2
    assert everything() == before


def test_a_retention_of_zero_from_python_is_refused():
    send(2)
    with pytest.raises(CommandError) as caught:
        call_command("archive", table="shop_parcels", retention_days=0)
    assert caught.value.returncode == 1
    assert Parcel.objects.count() == 3


def test_one_table_from_python_needs_no_list(capsys):
    Parcel.objects.create(number="old", sent_at=timezone.now() - timedelta(days=200))
    Parcel.objects.create(number="new", sent_at=timezone.now())
    call_command("archive", table="shop_parcels")
    assert ParcelArchive.objects.get().number == "old"
