"""``archive --dry-run``: it writes nothing, and shows the very plan that the run executes."""

from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone

from dbhealth.backends.executor import MARKER
from dbhealth.models import MaintenanceRun
from dbhealth.runs.states import State
from tests.commands.tools import everything, interact, read_meters, send
from tests.shopapp.models import Label, Parcel

pytestmark = pytest.mark.django_db(databases=["default", "other"])

DRY = ("archive", "--dry-run", "--table", "shop_parcels")


@pytest.fixture
def parcels():
    """Make 250 old parcels, one of today, two without a moment, three of tomorrow."""
    made = send(250)
    moments = [None] * 2 + [timezone.now() + timedelta(days=1)] * 3
    rest = [Parcel(number=f"rest {i}", sent_at=moment) for i, moment in enumerate(moments)]
    return [*made, *Parcel.objects.bulk_create(rest)]


def fact(done, label):
    """Return what stands behind a label."""
    (line,) = [line for line in done.out.splitlines() if line.startswith(f"  {label}  ")]
    return line.removeprefix(f"  {label}").strip()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.usefixtures("parcels")
def test_nothing_at_all_is_written(manage, form):
    interact(5)
    read_meters(5, of_today=0)
    before = everything()
    done = manage("archive", "--dry-run", "--format", form)
    assert done.code == 1  # one table would be refused
    assert everything() == before
    assert not MaintenanceRun.objects.exists()


def test_what_would_leave_is_shown_in_numbers(manage, parcels):
    done = manage(*DRY, "--batch-size", "100")
    old = [f"{parcel.sent_at:%Y-%m-%d %H:%M:%S}" for parcel in parcels[:250]]
    assert fact(done, "oldest, newest") == f"{old[-1]}, {old[0]}"
    assert fact(done, "into") == "shop_parcels_archive"
    assert fact(done, "cutoff").endswith("UTC (keeps 90 days)")
    assert fact(done, "rows in the table") == "256"
    assert fact(done, "eligible rows") == "250"
    assert fact(done, "no timestamp") == "2"
    assert fact(done, "in the future") == "3"
    assert fact(done, "would move") == "250 rows in about 3 batches of at most 100 rows"
    assert "would take about 0.8 s (a batch aims at 0.25 s; there is no earlier run" in done.said
    assert "Dry run: nothing was changed. 250 rows would be archived from 1 table." in done.said
    assert done.code == 0


@pytest.mark.usefixtures("parcels")
def test_the_duration_is_estimated_from_the_last_run(manage):
    manage("archive", "--table", "shop_parcels", "--max-rows", "50")
    pace = MaintenanceRun.objects.get().result["rows_per_second"]
    done = manage(*DRY, "--format", "json")
    plan = done.json["tables"]["shop_parcels"]["plan"]
    assert plan["estimate_basis"] == f"{pace:,.0f} rows per second in the last run"
    assert plan["estimated_seconds"] == round(200 / pace, 1)


@pytest.mark.usefixtures("parcels")
def test_each_statement_is_shown_with_its_lock(manage):
    done = manage(*DRY)
    plan = manage(*DRY, "--format", "json").json["tables"]["shop_parcels"]["plan"]
    assert len(plan["statements"]) > 3
    for statement in plan["statements"]:
        assert statement["sql"] in done.out
        assert f"lock {statement['lock']}, blocks {statement['blocks']}" in done.said
    strongest = "RowExclusiveLock" if connection.vendor == "postgresql" else "RESERVED"
    assert plan["statements"][-1]["lock"] == strongest
    assert plan["statements"][-1]["lock_timeout_seconds"] == 2


# Outside of a test's transaction, where a batch begins as it does in real life.
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("parcels")
def test_the_statements_shown_are_the_very_ones_that_run(manage):
    once = ("--table", "shop_parcels", "--batch-size", "100", "--format", "json")
    plan = manage("archive", "--dry-run", *once).json["tables"]["shop_parcels"]["plan"]
    sent: list[tuple[str, int]] = []

    def listen(execute, sql, params, many, context):
        sent.append((sql.replace(f"{MARKER} ", ""), len(params or ())))
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(listen))
        assert manage("archive", *once).json["summary"]["total_records_archived"] == 250
    places = []
    for shown in plan["statements"]:
        # Several statements may have gone in one message.
        found = [
            (place, at)
            for place, (sql, params) in enumerate(sent)
            if (at := f"; {sql};".find(f"; {shown['sql']};")) >= 0
            and params >= len(shown["params"])
        ]
        assert found, shown["sql"]
        places.append(found[0])
    assert all(one < other for one, other in pairwise(places))


def test_rows_that_point_at_eligible_rows_stand_in_the_way(manage, parcels):
    Label.objects.bulk_create(Label(parcel=parcel) for parcel in parcels[:7])
    before = everything()
    done = manage(*DRY)
    assert done.code == 1
    assert "in the way" in done.out
    assert "7 rows of shopapp.Label.parcel point at rows of shop_parcels" in done.said
    assert "0 rows would be archived from 0 tables" in done.said
    assert "1 of 1 table would not be archived: shop_parcels." in done.err
    assert everything() == before


@pytest.mark.usefixtures("parcels")
def test_files_are_told_of(manage):
    assert "Files named in slip of shop_parcels stay in the storage" in manage(*DRY).said


@pytest.mark.usefixtures("parcels")
def test_an_active_run_stands_in_the_way(manage):
    now = timezone.now()
    MaintenanceRun.objects.create(
        operation="archive", database="default", target="shop_parcels", state=State.RUNNING,
        host="elsewhere", pid=4, created_at=now, heartbeat_at=now, generation=1,
    )  # fmt: skip
    before = everything()
    done = manage(*DRY)
    assert done.code == 1
    assert "is running. Two runs on one table" in done.said
    assert everything() == before


@pytest.mark.usefixtures("parcels")
def test_an_interrupted_run_would_be_carried_on_with_under_its_cutoff(manage):
    manage("archive", "--table", "shop_parcels", "--max-rows", "50")
    cutoff = timezone.now() - timedelta(days=150)
    MaintenanceRun.objects.update(state=State.INTERRUPTED, cutoff=cutoff)
    run = MaintenanceRun.objects.get()
    before = everything()
    done = manage(*DRY, "--format", "json")
    entry = done.json["tables"]["shop_parcels"]
    assert entry["resumed"]
    assert entry["cutoff"].startswith(f"{cutoff:%Y-%m-%dT%H:%M:%S}")
    assert f"Run {run.pk} stopped after 50 rows" in entry["notes"][0]
    assert everything() == before


def test_a_table_with_nothing_to_move_has_no_statements(manage):
    send(0)
    done = manage(*DRY)
    assert done.code == 0
    assert fact(done, "would move") == "nothing"
    assert "SELECT" not in done.out
    assert "0 rows would be archived from 1 table." in done.said


@pytest.mark.usefixtures("parcels")
def test_max_rows_bounds_what_would_move(manage):
    done = manage(*DRY, "--max-rows", "40")
    assert fact(done, "eligible rows") == "250"
    assert fact(done, "would move") == "40 rows in about 1 batch of at most 5,000 rows"
    assert "40 rows would be archived from 1 table" in done.said


def test_an_archive_table_that_is_missing_stands_in_the_way(manage):
    send(3)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels_archive RENAME TO set_aside")
    try:
        done = manage(*DRY)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE set_aside RENAME TO shop_parcels_archive")
    assert done.code == 1
    assert "The archive table shop_parcels_archive does not exist" in done.said
    assert "Run manage.py makemigrations shopapp" in done.said
