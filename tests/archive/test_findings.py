"""The checks of archives, runs and backups: each condition is made, found, mended, and gone."""

import os
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive import archive_table
from dbhealth.exceptions import ConfigurationError, Refused
from dbhealth.health.finding import Level
from dbhealth.health.report import run_checks
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import cancel
from dbhealth.runs.lease import this_host
from dbhealth.runs.models import MaintenanceRun
from tests.commands.tools import only_the_shop, send
from tests.moveapp.tools import archive, stopped
from tests.shopapp.models import Parcel

pytestmark = pytest.mark.django_db

ALL = ("A001", "A002", "A003", "A004", "A005", "A006", "A007")
NOBODY = 2**22 + 1
"""The highest process id that Linux gives out is below this one."""


@pytest.fixture(autouse=True)
def _shop(settings) -> None:
    only_the_shop(settings)


def look(*ids, backups=None, **thresholds):
    """Return what the checks find, by id and object."""
    known = [f"dbhealth.{name}" for name in ids]
    settings = {"THRESHOLDS": {"*": thresholds}, "BACKUPS": backups or {}}
    with override_settings(DBHEALTH=settings):
        report = run_checks("default", ids=known)
    assert report.failed == ()
    for item in report.findings:
        assert item.title
        assert item.why
        assert item.instead
        assert "\n" not in item.title
    return {(item.id.removeprefix("dbhealth."), item.object): item for item in report.findings}


def a_run(state, **facts):
    base = {"host": this_host(), "pid": NOBODY, "heartbeat_at": timezone.now(), "generation": 1}
    return MaintenanceRun.objects.create(
        operation="archive",
        database="default",
        target="shop_parcels",
        state=state,
        trigger="command",
        **base | {"created_at": timezone.now()} | facts,
    )


def test_a_database_with_nothing_wrong_has_no_findings():
    send(3, days=60)
    send(3, days=95)
    archive_table(Parcel, max_rows=1)
    assert look(*ALL) == {}


def test_rows_that_should_have_left_are_found_until_they_have():
    send(5, days=130)
    [(key, found)] = look(*ALL).items()
    assert key == ("A001", "table shop_parcels")
    assert (found.value, found.level) == (5, Level.WARNING)
    assert "no archive run has ever succeeded" in found.title
    assert look("A001", archive_overdue=50) == {}
    archive_table(Parcel, max_rows=2)
    found = look("A001")[key]
    assert found.value == 3
    assert "succeeded was" in found.title
    archive_table(Parcel)
    assert look("A001") == {}


def test_an_archive_that_lacks_a_column_is_found_until_it_has_it():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels ADD COLUMN colour varchar(20)")
        [(key, found)] = look(*ALL).items()
        assert key == ("A002", "table shop_parcels_archive")
        assert "colour" in found.title
        cursor.execute("ALTER TABLE shop_parcels_archive ADD COLUMN colour varchar(20)")
        assert look(*ALL) == {}


def test_check_tells_once_of_an_archive_that_is_behind(settings):
    settings.SILENCED_SYSTEM_CHECKS = ["dbhealth.W101"]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels ADD COLUMN colour varchar(20)")
    with pytest.raises(SystemCheckError) as caught:
        call_command("check", databases=["default"], tags=["dbhealth"])
    assert re.findall(r"\(dbhealth\.(\w+)\).*colour", str(caught.value)) == ["E111"]
    assert set(look(*ALL)) == {("A002", "table shop_parcels_archive")}


def test_rows_of_an_archive_that_is_not_there_are_not_counted_and_the_archive_is_found():
    send(5)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels_archive RENAME TO set_aside")
    assert set(look(*ALL, "D008")) == {("A002", "table shop_parcels_archive")}


def test_a_run_that_was_refused_is_found_until_one_succeeds():
    send(1, days=95)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_parcels_archive RENAME TO set_aside")
        with pytest.raises(Refused):
            archive_table(Parcel)
        cursor.execute("ALTER TABLE set_aside RENAME TO shop_parcels_archive")
    [(key, found)] = look(*ALL).items()
    assert key == ("A003", "run archive of shop_parcels")
    assert "shop_parcels_archive does not exist" in found.title
    assert look("A003", failed_run=0) == {}
    archive_table(Parcel)
    assert look(*ALL) == {}


def test_a_run_whose_process_is_gone_is_found_until_it_is_carried_on_with():
    send(1, days=95)
    run = a_run("running")
    [(key, found)] = look(*ALL).items()
    assert key == ("A004", "run archive of shop_parcels")
    assert f"manage.py maintenance_runs cancel {run.pk}" in found.instead
    cancel("default", run.pk)
    assert look(*ALL) == {}


def test_a_run_that_is_at_work_is_no_finding_until_it_is_silent_for_too_long():
    run = a_run("running", pid=os.getpid())
    assert look(*ALL) == {}
    MaintenanceRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - timedelta(minutes=10)
    )
    [found] = look(*ALL).values()
    assert "10 minutes" in found.title


def test_an_interrupted_run_is_found_when_it_has_waited_until_it_is_carried_on_with():
    send(4, days=95)
    archive("shop_parcels", stop=stopped())
    run = MaintenanceRun.objects.get()
    assert run.state == "interrupted"
    assert look(*ALL) == {}
    [(key, found)] = look(*ALL, waiting_run=0).items()
    assert key == ("A005", "run archive of shop_parcels")
    assert f"manage.py maintenance_runs resume {run.pk}" in found.instead
    resume_run("default", run.pk, Circumstances())
    assert look(*ALL, waiting_run=0) == {}


def test_a_queued_run_is_found_when_nobody_has_taken_it_for_an_hour():
    run = a_run("queued", created_at=timezone.now() - timedelta(minutes=55))
    assert look(*ALL, waiting_run=0) == {}
    MaintenanceRun.objects.update(created_at=timezone.now() - timedelta(minutes=65))
    [(key, found)] = look(*ALL).items()
    assert key == ("A007", "run archive of shop_parcels")
    assert "has been queued for 65 minutes" in found.title
    assert f"manage.py maintenance_runs resume {run.pk} executes it" in found.instead
    cancel("default", run.pk)
    assert look(*ALL) == {}


def test_a_backup_that_is_too_old_is_found_until_there_is_a_new_one(tmp_path):
    where = {"default": f"{tmp_path}/**/*.dump"}
    assert look("A006", backups=where) == {}, "nobody has said how old it may get"
    [found] = look("A006", backups=where, backup_age=26).values()
    assert "There is no backup" in found.title
    (tmp_path / "old").mkdir()
    (old := tmp_path / "old" / "1.dump").write_text("rows")
    two_days_ago = timezone.now().timestamp() - 48 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    [found] = look("A006", backups=where, backup_age=26).values()
    assert found.title == "The newest backup is 2 days old."
    assert found.value == pytest.approx(48, abs=0.1)
    (tmp_path / "2.dump").write_text("rows")
    assert look("A006", backups=where, backup_age=26) == {}


def long_ago():
    return timezone.now() - timedelta(days=30)


def never():
    return None


def not_a_time():
    return "yesterday"


def test_a_function_may_tell_when_the_newest_backup_was_made():
    def told(name):
        return look("A006", backups={"default": f"{__name__}.{name}"}, backup_age=26)

    assert "30 days" in next(iter(told("long_ago").values())).title
    assert "There is no backup" in next(iter(told("never").values())).title
    with override_settings(
        DBHEALTH={
            "BACKUPS": {"default": f"{__name__}.not_a_time"},
            "THRESHOLDS": {"default": {"backup_age": 1}},
        }
    ):
        [found] = run_checks("default", ids=["dbhealth.A006"]).findings
    assert found.id == "dbhealth.H001"
    assert "has to return a datetime" in found.title


@pytest.mark.parametrize("wrong", [["x"], {"nowhere": "/x"}, {"default": 3}])
def test_a_setting_of_backups_that_makes_no_sense_is_refused(wrong):
    with override_settings(DBHEALTH={"BACKUPS": wrong}), pytest.raises(ConfigurationError):
        run_checks("default", ids=["dbhealth.A006"])
