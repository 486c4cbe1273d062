"""The findings as Django's own system checks."""

import io

import pytest
from django.core.checks import WARNING
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from dbhealth.checks import check_health, check_settings
from dbhealth.health.examine import examine
from dbhealth.health.life import acknowledge

pytestmark = pytest.mark.django_db


def shown():
    """Return what the findings say as system checks."""
    return [message.obj for message in check_health(databases=["default"])]


def test_the_same_findings_are_system_checks_of_a_database(told, settings):
    told["try.X001"] = ["table x"]
    settings.SILENCED_SYSTEM_CHECKS = ["dbhealth.W101"]
    said = io.StringIO()
    call_command("check", tags=["dbhealth"], databases=["default"], stderr=said)
    text = " ".join(said.getvalue().split())
    assert "default table x: (try.X001) table x has 3 rows too many." in text
    assert "HINT: They are too many. Delete them. DELETE FROM table x;" in text


def test_the_gravest_are_warnings_for_migrate_would_stop_at_an_error(told):
    told["try.X001"] = ["table x!"]
    (message,) = check_health(databases=["default"])
    assert (message.id, message.level) == ("try.X001", WARNING)


def test_what_is_acknowledged_or_switched_off_is_not_shown(told):
    told["try.X001"] = ["table x"]
    assert shown() == ["default table x"]
    with override_settings(DBHEALTH={"HEALTH_SYSTEM_CHECKS": False}):
        assert shown() == []
    examine(["default"])
    acknowledge("try.X001:default:table x", by="ada")
    assert shown() == []


def test_no_database_is_looked_at_that_is_not_named(told):
    told["try.X001"] = ["table x"]
    assert check_health(databases=None) == check_health(databases=[]) == []


def test_nothing_is_judged_before_migrate_has_made_the_tables(told):
    told["try.X001"] = ["table x"]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE dbhealth_findingrecord")
    assert shown() == []


def test_a_threshold_that_does_not_exist_is_an_error_of_the_setting():
    with override_settings(DBHEALTH={"THRESHOLDS": {"default": {"blokced": 1}}}):
        (message,) = check_settings()
        assert shown() == []
    assert (message.id, message.hint) == ("dbhealth.E001", "Did you mean 'blocked'?")
