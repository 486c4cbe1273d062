"""What ``archive`` shows and how it ends: the table, the JSON, the exit codes, the failures."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from dbhealth.models import MaintenanceRun
from tests.commands.tools import in_a_process, interact, read_meters, send
from tests.shopapp.models import Interaction, Label, Parcel, ParcelArchive

pytestmark = pytest.mark.django_db(databases=["default", "other"])

INTERACTIONS = Interaction._meta.db_table
TABLES = ("--table", "shop_parcels", "--table", INTERACTIONS)


def cells(done, name):
    """Return the cells of a table's line."""
    (line,) = [line for line in done.out.splitlines() if line.startswith(name)]
    return line.split()


def test_the_table_has_rows_batches_and_rows_per_second(manage):
    send(1234)
    done = manage("archive", "--table", "shop_parcels", "--batch-size", "500")
    assert done.code == 0
    assert done.err == ""
    run = MaintenanceRun.objects.get()
    assert " ".join(cells(done, "table")) == "table state rows batches rows/s time run older than"
    name, state, rows, batches, pace, seconds, unit, run_id, cutoff = cells(done, "shop_parcels")
    assert (name, state, rows, batches) == ("shop_parcels", "succeeded", "1,234", "3")
    assert int(pace.replace(",", "")) > 0
    assert float(seconds) >= 0
    assert unit == "s"
    assert run_id == str(run.pk)
    assert cutoff == str(run.cutoff.date())
    assert "1,234 rows archived in" in done.said


def test_one_row_is_not_called_rows(manage):
    send(1)
    done = manage("archive", "--table", "shop_parcels")
    assert "1 row archived" in done.said


def test_nothing_to_do_is_told_in_peace(manage):
    send(0)
    done = manage("archive", "--table", "shop_parcels")
    assert done.code == 0
    assert cells(done, "shop_parcels")[:4] == ["shop_parcels", "succeeded", "0", "0"]
    assert "0 rows archived" in done.said
    assert "files do not shrink" not in done.said


def test_a_second_run_finds_nothing(manage):
    send(5)
    first = manage("archive", "--table", "shop_parcels", "--format", "json").json
    second = manage("archive", "--table", "shop_parcels", "--format", "json").json
    assert first["summary"]["total_records_archived"] == 5
    assert second["summary"]["total_records_archived"] == 0
    assert second["summary"]["tables_failed"] == 0
    assert ParcelArchive.objects.count() == 5


def test_json_is_one_document_on_stdout_and_nothing_else(manage):
    send(5)
    done = manage("archive", *TABLES, "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    assert set(done.json) == {"tables", "summary"}
    entry = done.json["tables"]["shop_parcels"]
    assert (entry["table"], entry["model"], entry["archive_table"], entry["database"]) == (
        *("shop_parcels", "shopapp.Parcel", "shop_parcels_archive", "default"),
    )
    assert (entry["state"], entry["rows"], entry["rows_eligible"], entry["plan"]) == (
        *("succeeded", 5, 5, None),
    )
    assert entry["run"] == MaintenanceRun.objects.get(target="shop_parcels").pk


def test_a_refused_table_does_not_keep_the_others_from_their_turn(manage):
    parcels = send(5)
    Label.objects.create(parcel=parcels[0])
    interact(4)
    done = manage("archive", *TABLES)
    assert done.code == 1
    assert cells(done, "shop_parcels ")[1] == "refused"
    assert cells(done, INTERACTIONS)[1:3] == ["succeeded", "4"]
    assert "1 of 2 tables was not archived: shop_parcels." in done.err
    assert "shopapp.Label.parcel" in done.said
    assert Parcel.objects.count() == 6
    assert Interaction.objects.count() == 1


@pytest.mark.usefixtures("a_full_archive")
def test_a_failed_table_does_not_hide_behind_the_others(manage):
    send(5)
    interact(4)
    done = manage("archive", *TABLES)
    assert done.code == 1
    assert cells(done, "shop_parcels ")[1] == "failed"
    assert cells(done, INTERACTIONS)[1:3] == ["succeeded", "4"]
    assert "the archive is full" in done.said
    assert "Traceback" not in done.said
    assert "1 of 2 tables was not archived: shop_parcels." in done.err
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (6, 0)
    run = MaintenanceRun.objects.get(target="shop_parcels")
    assert f"The run log has the traceback of run {run.pk}" in done.said
    assert run.state == "failed"
    assert "Traceback" in run.traceback
    assert "the archive is full" in run.error


@pytest.mark.usefixtures("a_full_archive")
def test_json_stays_one_document_when_tables_fail(manage):
    send(5)
    read_meters(5, of_today=0)
    interact(4)
    done = manage("archive", *TABLES, "--table", "Shop_Readings", "--format", "json")
    assert done.code == 1
    states = {name: entry["state"] for name, entry in done.json["tables"].items()}
    assert states == {
        "shop_parcels": "failed",
        INTERACTIONS: "succeeded",
        "Shop_Readings": "refused",
    }
    assert "the archive is full" in done.json["tables"]["shop_parcels"]["error"]
    (refusal,) = done.json["tables"]["Shop_Readings"]["refusals"]
    assert refusal["code"] == "emptying"
    assert refusal["override"] == "--allow-emptying"
    assert done.json["summary"]["tables_failed"] == 2
    assert "2 of 3 tables were not archived: shop_parcels, Shop_Readings." in done.err


def test_a_key_that_the_archive_holds_already_is_told_with_the_key(manage):
    first = send(5)[0]
    ParcelArchive.objects.create(pk=first.pk, archived_at=timezone.now(), archive_run_id=1)
    done = manage("archive", "--table", "shop_parcels")
    assert done.code == 1
    assert f"({first.pk})" in done.said
    assert "holds rows with keys that are to be archived again" in done.said
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (6, 1)


@pytest.mark.usefixtures("a_full_archive")
def test_a_failure_is_a_command_error_for_python():
    send(5)
    with pytest.raises(CommandError, match="1 of 1 table was not archived") as caught:
        call_command("archive", table=["shop_parcels"], stdout=_Nowhere())
    assert caught.value.returncode == 1


class _Nowhere:
    """A stream that nobody reads."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return None


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_process_ends_with_the_codes_and_its_streams_apart(process_environment):
    parcels = send(5)
    interact(4)
    environment = process_environment()
    good = in_a_process(environment, "archive", "--table", INTERACTIONS, "--format", "json")
    assert (good.code, good.err) == (0, "")
    assert good.json["summary"]["total_records_archived"] == 4

    Label.objects.create(parcel=parcels[0])
    bad = in_a_process(environment, "archive", "--table", "shop_parcels", "--format", "json")
    assert bad.code == 1
    assert bad.json["tables"]["shop_parcels"]["state"] == "refused"
    assert bad.err.count("\n") == 1
    assert "1 of 1 table was not archived: shop_parcels." in bad.err

    wrong = in_a_process(environment, "archive", "--max-rows", "0")
    assert (wrong.code, wrong.out) == (2, "")


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_an_encoding_of_another_century_does_not_stop_a_cron_job(process_environment):
    send(5)
    environment = {**process_environment(), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = in_a_process(environment, "archive", "--dry-run", "--table", "shop_parcels")
    assert (done.code, done.err) == (0, "")
    assert "5 rows would be archived from 1 table" in done.out


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_server_that_is_not_there_is_a_sentence_for_every_table(process_environment):
    gone = {"default": "/nowhere/at/all", "other": "/nowhere/at/all"}
    environment = {**process_environment(), "DBHEALTH_TEST_NAMES": json.dumps(gone)}
    done = in_a_process(environment, "archive", *TABLES)
    assert done.code == 1
    for name in ("shop_parcels", INTERACTIONS):
        assert (
            f"{name} Connection lost. The connection to the database was lost or could" in done.said
        )
        assert "OperationalError: " in done.said
    assert "2 of 2 tables were not archived" in done.err
    assert "Traceback" not in done.said
    stats = in_a_process(environment, "db_stats")
    assert stats.code == 1
    assert "OperationalError: " in stats.err
    assert "Traceback" not in stats.said
