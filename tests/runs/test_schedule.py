"""What cron starts next: by the project's CRONJOBS, or as DBHEALTH["SCHEDULE"] says."""

import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dbhealth.checks import check_settings
from dbhealth.runs.schedule import next_run, next_runs

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
CALL = "django.core.management.call_command"


@pytest.fixture(autouse=True)
def _nothing_scheduled(settings):
    settings.DBHEALTH = {}


def scheduled(now=NOW):
    return [(each.operation, each.expression, each.at) for each in next_runs(now)]


def test_a_project_without_a_schedule_has_none():
    assert next_runs(NOW) == []
    assert next_run("archive", NOW) is None


def test_the_next_times_come_in_their_order(settings):
    settings.DBHEALTH = {"SCHEDULE": {"archive": "17 3 1 * *", "vacuum": "37 12 * * *"}}
    assert scheduled() == [
        ("vacuum", "37 12 * * *", datetime(2026, 3, 10, 12, 37, tzinfo=UTC)),
        ("archive", "17 3 1 * *", datetime(2026, 4, 1, 3, 17, tzinfo=UTC)),
    ]
    assert next_run("archive", NOW).at == datetime(2026, 4, 1, 3, 17, tzinfo=UTC)


def test_the_lines_of_django_crontab_are_read(settings):
    settings.CRONJOBS = [
        ("17 3 1 * *", CALL, ["archive", "--no-progress"], {}, ">> archive.log"),
        ("0 5 1 * *", CALL, ["purge_archive"], {"no_progress": True}),
        ("51 4 * * *", CALL, ["db_stats", "--snapshot"]),
    ]
    assert [operation for operation, _, _ in scheduled()] == ["db_stats", "archive", "purge"]


def test_lines_that_are_not_ours_are_left_out(settings):
    settings.CRONJOBS = [
        ("17 3 1 * *", CALL, ["clearsessions"]),
        ("17 3 1 * *", CALL, ["archive", "--dry-run"]),
        ("17 3 1 * *", CALL, ["archive"], {"dry_run": True}),
        ("17 3 1 * *", "shop.cron.nightly"),
        ("17 3 1 * *", "shop.cron.nightly", ["archive"]),
        "17 3 1 * * archive",
        None,
    ]
    assert next_runs(NOW) == []
    settings.CRONJOBS = "17 3 1 * *"
    assert next_runs(NOW) == []


def test_a_command_on_several_lines_is_told_several_times(settings):
    settings.CRONJOBS = [
        ("0 2 * * *", CALL, ["archive", "--table", "events"]),
        ("0 1 * * 0", CALL, ["archive"]),
    ]
    assert [expression for _, expression, _ in scheduled()] == ["0 2 * * *", "0 1 * * 0"]


def test_the_setting_takes_the_place_of_the_lines_of_its_operation_alone(settings):
    settings.CRONJOBS = [("0 1 * * *", CALL, ["archive"]), ("0 2 * * *", CALL, ["vacuum"])]
    settings.DBHEALTH = {"SCHEDULE": {"archive": "@weekly"}}
    assert [line[:2] for line in scheduled()] == [("vacuum", "0 2 * * *"), ("archive", "@weekly")]
    assert next_run("archive", NOW).at == datetime(2026, 3, 15, tzinfo=UTC)


def test_times_are_those_of_the_project_also_over_a_change_of_the_clock(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    settings.DBHEALTH = {"SCHEDULE": {"archive": "30 3 * * *"}}
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    at = next_run("archive", before).at
    assert at == datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert at.astimezone(UTC).hour == 1


def test_without_the_library_the_expression_is_told_and_no_time(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "cronsim", None)
    settings.DBHEALTH = {"SCHEDULE": {"archive": "30 3 * * *"}}
    assert scheduled() == [("archive", "30 3 * * *", None)]
    assert check_settings() == []
    settings.DBHEALTH = {"SCHEDULE": {"archive": "every night"}}
    (problem,) = check_settings()
    assert "is no cron expression: 'every night'" in problem.msg


def test_a_wrong_line_of_django_crontab_has_no_time(settings):
    settings.CRONJOBS = [("99 3 * * *", CALL, ["archive"])]
    assert scheduled() == [("archive", "99 3 * * *", None)]


@pytest.mark.parametrize(
    "expression, meant",
    [
        ("", "''"),
        ("30 3 * *", "'30 3 * *'"),
        ("0 30 3 * * *", "'0 30 3 * * *'"),
        ("61 3 * * *", "(Bad minute)"),
        ("0 0 31 2 *", "(Bad day-of-month)"),
        ("@reboot", "'@reboot'"),
    ],
)
def test_a_wrong_expression_is_an_error_of_the_settings(settings, expression, meant):
    settings.DBHEALTH = {"SCHEDULE": {"archive": expression}}
    (problem,) = check_settings()
    assert (problem.id, meant in problem.msg) == ("dbhealth.E001", True), problem.msg
    assert "Five fields" in problem.hint


@pytest.mark.parametrize("raw", [["archive"], {"archive": 5}, {"restore": "@daily"}, {1: "@daily"}])
def test_what_cannot_be_scheduled_is_an_error_of_the_settings(settings, raw):
    settings.DBHEALTH = {"SCHEDULE": raw}
    (problem,) = check_settings()
    assert "DBHEALTH['SCHEDULE']" in problem.msg
