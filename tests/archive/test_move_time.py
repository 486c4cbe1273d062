"""Time zones, days and projects without time zone support."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone

from tests.moveapp.models import Visit, VisitArchive
from tests.moveapp.tools import add_events, archive, in_archive, in_source

pytestmark = pytest.mark.django_db(transaction=True)

# No moment of a day in which all three have the same date.
FAR_APART = ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"]


def visits_around(day):
    """Insert a visit for each of some days; return key by day."""
    days = [day + timedelta(days=offset) for offset in range(-3, 4)]
    made = Visit.objects.bulk_create(Visit(pk=pk, day=each) for pk, each in enumerate(days, 1))
    return {visit.day: visit.pk for visit in made}


@pytest.mark.parametrize("zone", FAR_APART)
def test_a_day_leaves_when_it_is_wholly_past_where_the_project_is(zone):
    with override_settings(TIME_ZONE=zone):
        visits = visits_around(timezone.now().date() - timedelta(days=30))
        result = archive("move_visit")
        edge = datetime.fromisoformat(result["cutoff"]).astimezone(ZoneInfo(zone)).date()
        left = sorted(VisitArchive.objects.values_list("day", flat=True))
        assert left == sorted(day for day in visits if day < edge)
        assert edge in Visit.objects.values_list("day", flat=True)


def test_the_zone_of_the_request_at_hand_does_not_move_the_edge_of_a_day():
    visits = visits_around(timezone.now().date() - timedelta(days=30))
    with timezone.override("Pacific/Kiritimati"):
        result = archive("move_visit")
    edge = datetime.fromisoformat(result["cutoff"]).date()
    left = sorted(VisitArchive.objects.values_list("day", flat=True))
    assert left == sorted(day for day in visits if day < edge)


@pytest.mark.parametrize("zone", FAR_APART)
def test_moments_are_the_same_wherever_the_project_is(zone):
    with override_settings(TIME_ZONE=zone):
        old = add_events([1, 2], days=30 + 1 / 24)
        young = add_events([3, 4], days=30 - 1 / 24)
        archive()
        assert (in_archive(), in_source()) == (old, young)


@pytest.fixture
def without_time_zones(process_environment):
    def run(kind):
        environment = process_environment()
        environment["DJANGO_SETTINGS_MODULE"] = "tests.moveapp.naive_settings"
        done = subprocess.run(
            [sys.executable, "-m", "tests.moveapp.naive", kind],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_naive_moments_are_those_of_the_projects_zone(without_time_zones):
    told = without_time_zones("moments")
    assert told["archived"] == [1, 2]
    assert told["second"] == 0
    assert told["cutoff_is_off"] < 30
    assert told["archived_at_is_off"] < 30


def test_days_are_those_of_the_projects_zone_without_time_zones(without_time_zones):
    assert without_time_zones("days")["archived"] == [1, 2]
