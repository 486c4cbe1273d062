"""The figures that are kept of each archive: taken by a look, and brought up to date by runs."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dbhealth.archive import archive_all_tables, archive_table, purge, restore
from dbhealth.archive.registry import find
from dbhealth.archive.snapshots import snapshot_archives
from dbhealth.archive.stats import fill, table_stats
from dbhealth.archive.tracked import TrackedArchive
from dbhealth.backends import get_backend
from dbhealth.exceptions import UsageError
from tests.commands.tools import everything, interact, only_the_shop, read_meters, send
from tests.moveapp.tools import change_policy, second_session
from tests.shopapp.models import Interaction, Parcel, ParcelArchive, Reading

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.fixture(autouse=True)
def _shop(settings) -> None:
    only_the_shop(settings)


def kept(table="shop_parcels", database="default"):
    return TrackedArchive.objects.using(database).get(table=table)


def counts(table="shop_parcels"):
    row = kept(table)
    return (row.rows, row.archive_rows, row.eligible)


def test_a_look_keeps_what_the_figures_of_the_archives_are():
    send(6)
    archive_table(Parcel, max_rows=2)
    taken = snapshot_archives("default")
    assert (taken.archives, taken.failed, taken.late) == (3, (), ())
    row = kept()
    assert (row.model, row.app_label, row.archive_table, row.archive_model) == (
        *("shopapp.Parcel", "shopapp", "shop_parcels_archive", "shopapp.ParcelArchive"),
    )
    assert (row.rows, row.archive_rows, row.eligible, row.purgeable) == (5, 2, 4, None)
    assert (row.retention, row.purge_after) == (timedelta(days=90), None)
    assert row.oldest == Parcel.objects.earliest("sent_at").sent_at
    assert (row.error, row.estimated, row.is_late) == ("", False, False)
    assert row.bytes > 0
    assert row.counted_at == row.looked_at
    assert str(row) == "shop_parcels → shop_parcels_archive"


def test_a_second_look_takes_the_place_of_the_first():
    snapshot_archives("default")
    first = kept()
    send(3)
    snapshot_archives("default")
    assert TrackedArchive.objects.count() == 3
    again = kept()
    assert (again.pk, again.eligible) == (first.pk, 3)
    assert again.looked_at >= first.looked_at


def test_a_day_is_its_first_moment_in_the_time_zone_of_the_project(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    Reading.objects.create(taken_on=date(2020, 5, 1), checked=True)
    snapshot_archives("default")
    assert kept("Shop_Readings").oldest == datetime(2020, 4, 30, 15, tzinfo=UTC)


def test_an_archive_that_the_code_has_no_more_is_forgotten_with_its_own_database_alone():
    now = timezone.now()
    for database in ("default", "other"):
        TrackedArchive.objects.create(database=database, table="gone", looked_at=now)
    snapshot_archives("default")
    assert list(TrackedArchive.objects.filter(table="gone").values_list("database", flat=True)) == [
        "other"
    ]


def test_each_archive_is_kept_where_the_routers_send_its_source(settings):
    settings.DATABASE_ROUTERS = ["tests.shopapp.routers.InteractionsElsewhere"]
    interact(4, using="other")
    assert snapshot_archives("default").archives == 2
    assert snapshot_archives("other").archives == 1
    assert kept(Interaction._meta.db_table, "other").eligible == 4


def test_an_alias_that_settings_lack_is_a_usage_error():
    with pytest.raises(UsageError, match="no database 'nope'"):
        snapshot_archives("nope")


def test_a_missing_archive_table_is_told_and_keeps_no_other_from_its_figures():
    send(3)
    interact(2)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels_archive RENAME TO set_aside")
    assert snapshot_archives("default").failed == ("shop_parcels",)
    row = kept()
    assert "The archive table shop_parcels_archive does not exist" in row.error
    assert (row.rows, row.eligible, row.counted_at) == (None, None, None)
    assert kept(Interaction._meta.db_table).eligible == 2


def test_a_policy_that_its_checks_find_wrong_is_told(monkeypatch):
    change_policy(monkeypatch, ParcelArchive, retention="90 days")
    snapshot_archives("default")
    assert "dbhealth.E105" in kept().error
    assert kept().retention is None


def test_a_look_writes_nothing_but_the_figures():
    send(3)
    before = everything()
    snapshot_archives("default")
    after = everything()
    changed = {table for table in after if after[table] != before[table]}
    assert {table for table in changed if "sqlite_sequence" not in table} == {
        "default:dbhealth_trackedarchive"
    }


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_what_cannot_be_counted_in_time_stays_as_it_was_and_says_so(settings):
    send(3)
    snapshot_archives("default")
    before = kept()
    send(4, days=201)
    settings.DBHEALTH = {"FIGURES_TIMEOUT": 0.001}
    taken = snapshot_archives("default")
    assert set(taken.late) == set(TrackedArchive.objects.values_list("table", flat=True))
    row = kept()
    assert (row.eligible, row.oldest, row.counted_at) == (
        *(before.eligible, before.oldest, before.counted_at),
    )
    assert row.looked_at > before.looked_at
    assert row.is_late


def test_a_quick_look_counts_the_rows_that_may_leave_alone():
    send(5)
    stats = table_stats(find(Parcel), "default")
    fill(stats, find(Parcel), get_backend("default"), exact=False)
    assert stats["archivable_records"] == 5
    size = get_backend("default").statistics.relation_size("shop_parcels")
    assert stats["rows"] == size.estimated_rows
    assert stats["oldest"][:10] == f"{Parcel.objects.earliest('sent_at').sent_at:%Y-%m-%d}"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_lock_on_a_table_holds_no_look_up(settings):
    settings.DBHEALTH = {"LOCK_TIMEOUT": 0.05, "FIGURES_TIMEOUT": 5}
    interact(2)
    with second_session() as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE shop_parcels IN ACCESS EXCLUSIVE MODE")
        assert snapshot_archives("default").late == ("shop_parcels",)
    assert kept(Interaction._meta.db_table).eligible == 2


def test_a_run_brings_the_figures_up_to_what_it_has_moved():
    send(6)
    snapshot_archives("default")
    assert counts() == (7, 0, 6)
    run = archive_table(Parcel, max_rows=4)["run"]
    assert counts() == (3, 4, 2)
    restore("shop_parcels", run=run)
    assert counts() == (7, 0, 2)
    snapshot_archives("default")
    assert counts() == (7, 0, 6)


def test_a_purge_brings_the_figures_down(monkeypatch):
    read_meters(8)
    archive_table(Reading)
    change_policy(monkeypatch, find(Reading).model, purge_after=timedelta(days=10))
    find(Reading).model.objects.update(archived_at=timezone.now() - timedelta(days=20))
    snapshot_archives("default")
    assert (kept("Shop_Readings").archive_rows, kept("Shop_Readings").purgeable) == (8, 8)
    purge(Reading, max_rows=3, allow_share=True, allow_emptying=True)
    assert (kept("Shop_Readings").archive_rows, kept("Shop_Readings").purgeable) == (5, 5)


def test_figures_that_are_not_known_stay_unknown_and_never_fall_below_nothing():
    send(3)
    snapshot_archives("default")
    TrackedArchive.objects.update(rows=None, eligible=1)
    archive_table(Parcel)
    assert counts() == (None, 3, 0)


def test_a_run_leaves_the_figures_of_other_tables_alone():
    send(3)
    interact(2)
    snapshot_archives("default")
    before = counts(Interaction._meta.db_table)
    archive_table(Parcel)
    assert counts(Interaction._meta.db_table) == before
    assert archive_all_tables()["summary"]["tables_failed"] == 0
    assert counts(Interaction._meta.db_table) == (1, 2, 0)
