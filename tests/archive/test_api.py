"""The Python functions: archive_table and archive_all_tables."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import TestCase
from django.utils import timezone

from dbhealth.archive import archive_all_tables, archive_table
from dbhealth.exceptions import Refused, UsageError
from dbhealth.models import MaintenanceRun
from tests.commands.tools import everything, interact, only_the_shop, send
from tests.shopapp.models import (
    Interaction,
    InteractionArchive,
    Label,
    Parcel,
    ParcelArchive,
    ReadingArchive,
)

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.fixture(autouse=True)
def _shop(settings) -> None:
    only_the_shop(settings)


INTERACTIONS = Interaction._meta.db_table
RESULT = {
    *("table", "model", "archive_table", "database", "state", "run", "resumed", "cutoff"),
    *(
        "rows_eligible",
        "rows",
        "rows_by_table",
        "rows_left_locked",
        "batches",
        "seconds",
        "rows_per_second",
    ),
    *("stopped", "notes", "refusals", "error", "plan"),
}
ELSEWHERE = ["tests.shopapp.routers.InteractionsElsewhere"]


@pytest.mark.parametrize("table", ["shop_parcels", "shopapp.Parcel", Parcel, ParcelArchive])
def test_one_table_is_archived_by_its_name_or_its_model(table):
    send(4)
    result = archive_table(table)
    assert set(result) == RESULT
    assert (result["state"], result["rows"], result["database"]) == ("succeeded", 4, "default")
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (1, 4)
    run = MaintenanceRun.objects.get()
    assert result["run"] == run.pk
    assert run.trigger == "api"


def test_all_tables_are_archived_with_their_sum():
    send(4)
    interact(3)
    result = archive_all_tables()
    assert set(result) == {"tables", "summary"}
    assert result["summary"]["total_records_archived"] == 7
    assert result["summary"]["total_records_eligible"] == 7
    assert result["summary"]["tables_failed"] == 0
    assert result["summary"]["dry_run"] is False
    assert result["summary"]["seconds"] > 0
    assert result["summary"]["tables"] == len(result["tables"])
    assert result["tables"]["shop_parcels"]["rows"] == 4
    assert result["tables"][INTERACTIONS]["rows"] == 3
    assert archive_all_tables()["summary"]["total_records_archived"] == 0


def test_a_dry_run_says_what_would_be_and_writes_nothing():
    send(4)
    before = everything()
    one = archive_table(Parcel, dry_run=True)
    all_of_them = archive_all_tables(dry_run=True)
    assert everything() == before
    assert (one["state"], one["rows"], one["rows_eligible"]) == ("planned", 0, 4)
    assert one["plan"]["statements"]
    assert all_of_them["summary"]["dry_run"] is True
    assert all_of_them["summary"]["total_records_eligible"] == 4
    assert all_of_them["summary"]["total_records_archived"] == 0


def test_the_options_are_those_of_the_command():
    send(10, days=50)
    assert archive_table(Parcel)["rows"] == 0
    result = archive_table(Parcel, retention=timedelta(days=30), batch_size=3, max_rows=6)
    assert (result["rows"], result["batches"], result["stopped"]) == (6, 2, "max-rows reached")
    assert archive_all_tables(retention=timedelta(days=30))["summary"] | {"seconds": 0} == {
        "total_records_archived": 4,
        "total_records_eligible": 4,
        "tables": len(archive_all_tables()["tables"]),
        "tables_failed": 0,
        "seconds": 0,
        "dry_run": False,
    }


def test_another_database_is_worked_on_when_it_is_named():
    send(3, using="other")
    assert archive_table(Parcel)["rows"] == 0
    assert archive_table(Parcel, using="other")["rows"] == 3
    assert ParcelArchive.objects.using("other").count() == 3
    send(2, using="other", days=300)
    result = archive_all_tables("other")
    assert result["summary"]["total_records_archived"] == 2
    assert {entry["database"] for entry in result["tables"].values()} == {"other"}


def test_a_model_is_archived_where_the_routers_send_it(settings):
    settings.DATABASE_ROUTERS = ELSEWHERE
    send(3)
    interact(4, using="other")
    result = archive_all_tables()
    assert result["tables"][INTERACTIONS]["database"] == "other"
    assert result["tables"]["shop_parcels"]["database"] == "default"
    assert result["summary"]["total_records_archived"] == 7
    assert InteractionArchive.objects.using("other").count() == 4
    assert MaintenanceRun.objects.using("other").get(rows_done=4).target == INTERACTIONS
    assert INTERACTIONS not in archive_all_tables("default")["tables"]
    assert INTERACTIONS in archive_all_tables("other")["tables"]


def test_one_table_that_is_refused_raises_with_its_reasons():
    parcels = send(3)
    Label.objects.create(parcel=parcels[0])
    with pytest.raises(Refused, match=r"shopapp\.Label\.parcel") as caught:
        archive_table(Parcel)
    assert [refusal.code for refusal in caught.value.refusals] == ["referenced"]
    assert Parcel.objects.count() == 4


def test_among_all_tables_a_refused_one_is_an_entry():
    parcels = send(3)
    Label.objects.create(parcel=parcels[0])
    interact(2)
    result = archive_all_tables()
    assert result["tables"]["shop_parcels"]["state"] == "refused"
    assert result["tables"]["shop_parcels"]["refusals"][0]["code"] == "referenced"
    assert "shopapp.Label.parcel" in result["tables"]["shop_parcels"]["error"]
    assert result["tables"][INTERACTIONS]["rows"] == 2
    assert result["summary"]["tables_failed"] == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_refused_inside_a_transaction_of_the_caller():
    send(3)
    with transaction.atomic(), pytest.raises(Refused, match="A transaction is open") as caught:
        archive_table(Parcel)
    assert [refusal.code for refusal in caught.value.refusals] == ["in-transaction"]
    with transaction.atomic():
        result = archive_all_tables()
    assert {entry["state"] for entry in result["tables"].values()} == {"refused"}
    assert Parcel.objects.count() == 4
    assert not MaintenanceRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_may_be_asked_for_inside_a_transaction():
    send(3)
    with transaction.atomic():
        assert archive_table(Parcel, dry_run=True)["rows_eligible"] == 3


class InsideATestCase(TestCase):
    """How a project tests its own policies: everything is rolled back behind each test."""

    @classmethod
    def setUpTestData(cls) -> None:
        """Make rows once for the class."""
        send(3)

    def test_rows_move_and_come_back_afterwards(self) -> None:
        """Run twice, as two tests, each of which finds the three rows."""
        assert archive_table(Parcel)["rows"] == 3
        assert ParcelArchive.objects.count() == 3

    test_and_once_more = test_rows_move_and_come_back_afterwards

    def test_a_transaction_of_the_test_itself_is_refused(self) -> None:
        """The test's own atomic block is a caller's, like any other."""
        with transaction.atomic(), pytest.raises(Refused):
            archive_table(Parcel)


@pytest.mark.parametrize(
    "options",
    [
        {"table": "nope"},
        {"table": Label},
        {"using": "nope"},
        {"retention": 90},
        {"retention": timedelta.max},
        {"batch_size": 0},
        {"batch_size": True},
        {"batch_size": "100"},
        {"max_rows": -1},
        {"max_rows": 1.5},
        {"max_runtime": 0},
        {"max_runtime": float("nan")},
    ],
    ids=str,
)
@pytest.mark.parametrize("dry", [False, True], ids=["run", "dry run"])
def test_wrong_arguments_are_a_usage_error(options, dry):
    send(3)
    with pytest.raises(UsageError):
        archive_table(**{"table": Parcel, **options}, dry_run=dry)
    if "table" not in options:
        with pytest.raises(UsageError):
            archive_all_tables(dry_run=dry, **options)
    assert Parcel.objects.count() == 4
    assert not MaintenanceRun.objects.exists()


def test_an_unknown_option_is_named_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"Unknown: bach_size\. Options are retention, batch_size"):
        archive_all_tables(bach_size=5)


@pytest.mark.parametrize("retention", [timedelta(0), timedelta(days=-1)])
def test_a_retention_of_zero_or_less_is_refused(retention):
    send(3)
    with pytest.raises(Refused) as caught:
        archive_table(Parcel, retention=retention)
    assert [refusal.code for refusal in caught.value.refusals] == ["retention"]
    assert Parcel.objects.count() == 4


def test_archived_rows_say_when_and_by_which_run():
    parcels = send(2)
    before = timezone.now()
    run = archive_table(Parcel)["run"]
    kept = ParcelArchive.objects.get(pk=parcels[0].pk)
    assert (kept.number, kept.sent_at, kept.weight) == (
        *(parcels[0].number, parcels[0].sent_at, parcels[0].weight),
    )
    assert kept.archive_run_id == run
    # SQLite's clock stands still within a millisecond.
    assert before - timedelta(milliseconds=1) <= kept.archived_at <= timezone.now()
    assert not ReadingArchive.objects.exists()
