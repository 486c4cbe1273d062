"""``restore_archive``: options, exit codes, what it says, and a dry run that writes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from dbhealth.models import MaintenanceRun
from tests.commands.tools import everything, in_a_process, interact, send
from tests.shopapp.models import Interaction, InteractionArchive, Parcel, ParcelArchive, Reading

pytestmark = pytest.mark.django_db(databases=["default", "other"])

COMMAND = "restore_archive"


@pytest.fixture
def run(manage):
    """Archive twelve parcels and return the number of the run."""
    send(12)
    return archived(manage, "shop_parcels")


def archived(manage, table, *words):
    done = manage("archive", "--table", table, "--format", "json", *words)
    return str(done.json["tables"][table]["run"])


def test_rows_come_back_and_are_counted(manage, run):
    done = manage(COMMAND, "--run", run)
    assert done.code == 0
    assert "shop_parcels succeeded 12 0 1" in done.said
    assert "12 rows restored in" in done.said
    assert "past the retention of shop_parcels: the next archive run takes them" in done.said
    assert Parcel.objects.count() == 13
    assert not ParcelArchive.objects.exists()
    restored = MaintenanceRun.objects.get(operation="restore")
    assert (restored.trigger, restored.rows_done, restored.state) == ("command", 12, "succeeded")


def test_json_is_one_document(manage, run):
    done = manage(COMMAND, "--run", run, "--format", "json")
    assert done.json["summary"]["total_records_restored"] == 12
    assert done.json["tables"]["shop_parcels"]["conflicts"] == []
    assert done.code == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_dry_run_writes_nothing(manage, run, form):
    interact(3)
    Parcel.objects.create(number="200-1", sent_at=timezone.now())
    before = everything()
    done = manage(COMMAND, "--run", run, "--dry-run", "--format", form)
    assert done.code == 1, "the real run would be refused"
    assert everything() == before
    done = manage(COMMAND, "--run", run, "--dry-run", "--skip-conflicts", "--format", form)
    assert done.code == 0
    assert everything() == before


def test_a_dry_run_shows_rows_conflicts_and_statements(manage, run):
    Parcel.objects.create(number="200-1", sent_at=timezone.now())
    done = manage(COMMAND, "--run", run, "--dry-run")
    assert "rows chosen 12" in done.said
    assert "in the way 1 row of shop_parcels_archive has values that" in done.said
    assert "To go ahead all the same: --skip-conflicts" in done.said
    assert "1 of 1 table would not be restored: shop_parcels." in done.said
    done = manage(COMMAND, "--run", run, "--dry-run", "--skip-conflicts")
    assert "would restore 11 rows in about 1 batch of at most 5,000 rows" in done.said
    assert "would stay 1 row of shop_parcels_archive has values that" in done.said
    assert 'INSERT INTO "shop_parcels"' in done.out


def test_conflicts_are_refused_with_1_and_skipped_when_asked(manage, run):
    Parcel.objects.create(number="200-1", sent_at=timezone.now())
    done = manage(COMMAND, "--run", run)
    assert done.code == 1
    assert "refused: 1 row of shop_parcels_archive has values that" in done.said
    assert "1 of 1 table was not restored: shop_parcels." in done.said
    assert ParcelArchive.objects.count() == 12
    done = manage(COMMAND, "--run", run, "--skip-conflicts")
    assert done.code == 0
    assert "left in the archive: 1 row of shop_parcels_archive" in done.said
    assert ParcelArchive.objects.get().number == "200-1"


def test_rows_come_back_by_key(manage, run):
    first, second, *_ = ParcelArchive.objects.order_by("pk").values_list("pk", flat=True)
    words = ("--table", "shopapp.Parcel", "--pk", str(first), "--pk", str(second))
    assert manage(COMMAND, *words).code == 0
    assert set(Parcel.objects.exclude(number="today-200").values_list("pk", flat=True)) == {
        first,
        second,
    }


def test_rows_come_back_by_the_day_they_were_archived(manage, run, settings):
    settings.TIME_ZONE = "Pacific/Kiritimati"  # fourteen hours ahead
    midnight = datetime(2026, 5, 31, 10, tzinfo=UTC)
    keys = ParcelArchive.objects.order_by("pk").values_list("pk", flat=True)
    for hours, key in enumerate(list(keys)):
        moment = midnight + timedelta(hours=hours - 3)
        ParcelArchive.objects.filter(pk=key).update(archived_at=moment)
    table = ("--table", "shop_parcels")
    assert manage(COMMAND, *table, "--until", "2026-06-01").code == 0
    assert ParcelArchive.objects.count() == 9
    words = ("--since", "2026-05-31T12:00:00+00:00", "--until", "2026-06-01T04:00")
    assert manage(COMMAND, *table, *words).code == 0
    assert ParcelArchive.objects.count() == 7


@pytest.mark.parametrize(
    "words, told",
    [
        ((), "Say which rows are to come back"),
        (("--table", "shop_parcels"), "Say which rows are to come back"),
        (("--since", "2026-01-01"), "Name a table, or a run"),
        (("--table", "shop_parcel", "--run", "1"), "Did you mean 'shop_parcels'?"),
        (("--table", "shop_parcels", "--pk", "x"), "'x' is no key of shop_parcels"),
        (("--table", "shop_parcels", "--table", "Shop_Readings", "--pk", "1"), "one table"),
        (("--run", "99999"), "No archive holds rows of run 99999"),
        (("--run", "x"), "is not a whole number"),
        (("--since", "yesterday"), "is no time such as 2026-11-22"),
        (("--database", "nowhere", "--run", "1"), "There is no database 'nowhere'"),
    ],
)
def test_wrong_usage_ends_with_2_and_leaves_no_run(manage, words, told):
    done = manage(COMMAND, *words)
    assert (done.code, told in done.said) == (2, True), done.said
    assert not MaintenanceRun.objects.exists()


def test_several_tables_by_name(manage, run):
    interact(4)
    second = archived(manage, Interaction._meta.db_table)
    tables = ("--table", "shop_parcels", "--table", Interaction._meta.db_table)
    done = manage(COMMAND, *tables, "--since", "2000-01-01", "--format", "json")
    assert done.json["summary"]["total_records_restored"] == 16
    assert not InteractionArchive.objects.filter(archive_run=second).exists()


def test_a_run_is_one_of_one_database(manage):
    send(3)
    send(4, using="other")
    archived(manage, "shop_parcels")
    number = archived(manage, "shop_parcels", "--database", "other")
    done = manage(COMMAND, "--run", number, "--database", "other")
    assert (done.code, "4 rows restored" in done.said) == (0, True), done.said
    assert Parcel.objects.using("other").count() == 5
    assert Parcel.objects.count() == 1


def test_bounds_stop_it_and_the_same_call_goes_on(manage, run):
    done = manage(COMMAND, "--run", run, "--max-rows", "5", "--batch-size", "2")
    assert (done.code, "max-rows reached; the same call goes on." in done.said) == (0, True)
    assert Parcel.objects.count() == 6
    assert manage(COMMAND, "--run", run, "--max-runtime", "60").code == 0
    assert Parcel.objects.count() == 13


@pytest.mark.django_db(databases=["default", "other"], transaction=True)
def test_without_a_terminal_it_is_plain_text(manage, run, process_environment):
    done = in_a_process(process_environment(), COMMAND, "--run", run)
    assert done.code == 0, done.err
    assert "\x1b" not in done.out + done.err
    assert "12 rows restored" in done.out


def test_nothing_to_restore_is_no_failure(manage, run):
    words = ("--table", "shop_parcels", "--since", "2100-01-01")
    done = manage(COMMAND, *words, "--dry-run")
    assert (done.code, "would restore nothing" in done.said) == (0, True)
    assert manage(COMMAND, *words).code == 0
    assert not Reading.objects.exists()
