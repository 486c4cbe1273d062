"""get_archival_stats: how much is where, and how much may leave."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dbhealth.archive import archive_table, get_archival_stats
from dbhealth.exceptions import UsageError
from tests.commands.tools import everything, interact, only_the_shop, send
from tests.shopapp.models import Interaction, Label, Parcel, Reading

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.fixture(autouse=True)
def _shop(settings) -> None:
    only_the_shop(settings)


INTERACTIONS = Interaction._meta.db_table
FIGURES = {
    *("table", "model", "archive_table", "database", "retention_days", "rows", "bytes"),
    *("archive_rows", "archive_bytes", "archivable_records", "oldest", "last_run", "error"),
    *("parents", "purge_after_days", "purgeable_records"),
}


def test_tables_have_their_figures_and_their_totals():
    send(6)
    interact(3)
    archive_table(Parcel, max_rows=2)
    stats = get_archival_stats()
    assert set(stats) == {
        *("tables", "total_records", "total_archived_records", "total_archivable_records"),
        "total_purgeable_records",
    }
    parcels = stats["tables"]["shop_parcels"]
    assert set(parcels) == FIGURES
    assert (parcels["model"], parcels["archive_table"], parcels["database"]) == (
        *("shopapp.Parcel", "shop_parcels_archive", "default"),
    )
    assert (parcels["rows"], parcels["archive_rows"], parcels["archivable_records"]) == (5, 2, 4)
    assert parcels["retention_days"] == 90
    assert parcels["last_run"]["rows_done"] == 2
    assert stats["tables"][INTERACTIONS]["last_run"] is None
    assert stats["total_records"] == 9
    assert stats["total_archived_records"] == 2
    assert stats["total_archivable_records"] == 7


def test_sizes_are_bytes_as_the_server_says():
    send(3)
    stats = get_archival_stats()["tables"]["shop_parcels"]
    table = "shop_parcels" if connection.vendor == "postgresql" else None
    if table is None:
        question = (
            "SELECT sum(pgsize) FROM dbstat WHERE name IN "
            "(SELECT name FROM sqlite_master WHERE tbl_name = 'shop_parcels')"
        )
    else:
        question = "SELECT pg_total_relation_size('shop_parcels')"
    with connection.cursor() as cursor:
        cursor.execute(question)
        assert stats["bytes"] == cursor.fetchone()[0]
    assert stats["archive_bytes"] > 0


def test_the_condition_of_the_policy_counts():
    old = date(2020, 1, 1)
    Reading.objects.bulk_create(
        [Reading(taken_on=old, checked=i < 2) for i in range(5)]
        + [Reading(taken_on=timezone.now().date(), checked=True)]
    )
    stats = get_archival_stats()["tables"]["Shop_Readings"]
    assert (stats["rows"], stats["archivable_records"], stats["oldest"][:10]) == (
        *(6, 2, "2020-01-01"),
    )


def test_what_would_be_refused_is_archivable_all_the_same():
    """Every row is old, and one is pointed at: a run would be refused, the figures are not."""
    Parcel.objects.create(number="1", sent_at=timezone.now() - timedelta(days=200))
    Label.objects.create(parcel=Parcel.objects.get())
    stats = get_archival_stats()["tables"]["shop_parcels"]
    assert stats["error"] == ""
    assert stats["archivable_records"] == 1


def test_the_oldest_row_is_that_of_the_whole_table():
    now = timezone.now()
    Parcel.objects.create(number="1", sent_at=now - timedelta(days=10))
    Parcel.objects.create(number="2", sent_at=now - timedelta(days=5))
    stats = get_archival_stats()["tables"]["shop_parcels"]
    assert stats["archivable_records"] == 0
    assert stats["oldest"][:10] == f"{now - timedelta(days=10):%Y-%m-%d}"


def test_empty_tables_have_figures_too():
    stats = get_archival_stats()["tables"]["shop_parcels"]
    assert (stats["rows"], stats["archive_rows"], stats["archivable_records"]) == (0, 0, 0)
    assert stats["oldest"] is None
    assert stats["error"] == ""


def test_a_missing_archive_table_is_a_reason_and_no_exception():
    send(3)
    interact(2)
    archive_table(Parcel)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels_archive RENAME TO set_aside")
    stats = get_archival_stats()
    parcels = stats["tables"]["shop_parcels"]
    assert "The archive table shop_parcels_archive does not exist" in parcels["error"]
    assert (parcels["rows"], parcels["archivable_records"]) == (None, None)
    assert parcels["bytes"] > 0
    assert parcels["last_run"]["rows_done"] == 3
    assert stats["total_archivable_records"] == 2


def test_each_table_is_looked_at_where_the_routers_send_it(settings):
    settings.DATABASE_ROUTERS = ["tests.shopapp.routers.InteractionsElsewhere"]
    interact(4, using="other")
    stats = get_archival_stats()
    assert stats["tables"][INTERACTIONS]["database"] == "other"
    assert stats["tables"][INTERACTIONS]["archivable_records"] == 4
    assert INTERACTIONS not in get_archival_stats("default")["tables"]


def test_one_database_is_looked_at_when_it_is_named():
    send(4, using="other")
    assert get_archival_stats()["tables"]["shop_parcels"]["rows"] == 0
    assert get_archival_stats("other")["tables"]["shop_parcels"]["rows"] == 5


def test_an_alias_that_settings_lack_is_a_usage_error():
    with pytest.raises(UsageError, match="no database 'nope'"):
        get_archival_stats("nope")


def test_figures_may_be_read_inside_a_transaction_and_nothing_is_written(run_in_transaction):
    before = everything()
    stats, waits_before, waits_after = run_in_transaction(get_archival_stats)
    assert stats["total_archivable_records"] == 3
    assert waits_after == waits_before
    assert everything() == before


@pytest.fixture
def run_in_transaction():
    """Return a function that calls another one between two looks at the session's timeouts."""
    send(3)
    question = (
        "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
        if connection.vendor == "postgresql"
        else "PRAGMA busy_timeout"
    )

    def timeouts():
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()

    def call(function):
        before = timeouts()
        return function(), before, timeouts()

    return call
