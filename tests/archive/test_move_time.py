"""Time zones, days and projects without time zone support."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive.plan import Asked, make_plan
from dbhealth.archive.registry import find
from dbhealth.backends import get_backend
from tests.famapp.models import Chapter, Story
from tests.moveapp.models import Event, Visit, VisitArchive
from tests.moveapp.tools import Listener, add_events, archive, in_archive, in_source

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
    def run(*kind, zone="America/Bogota"):
        environment = process_environment() | {"DBHEALTH_TEST_ZONE": zone}
        environment["DJANGO_SETTINGS_MODULE"] = "tests.moveapp.naive_settings"
        done = subprocess.run(
            [sys.executable, "-m", "tests.moveapp.naive", *kind],
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


# The night in which the clock shows two o'clock to three o'clock twice, and the one that lacks it.
NIGHTS = ["2025-10-25T22:00:00+00:00", "2025-03-29T22:00:00+00:00"]


@pytest.mark.parametrize("night", NIGHTS, ids=["an hour twice", "an hour missing"])
def test_moments_are_exact_in_the_night_in_which_the_clock_is_changed(night):
    begin, half = datetime.fromisoformat(night), timedelta(minutes=30)
    Event.everything.bulk_create(Event(pk=n, created_at=begin + n * half) for n in range(12))
    with override_settings(TIME_ZONE="Europe/Berlin"):
        for number in range(13):
            assert eligible("move_event", begin + number * half) == number


@pytest.mark.parametrize("night", NIGHTS, ids=["an hour twice", "an hour missing"])
def test_a_day_of_23_or_25_hours_leaves_when_it_is_wholly_past(night):
    begin, berlin = datetime.fromisoformat(night), ZoneInfo("Europe/Berlin")
    visits_around(begin.astimezone(berlin).date())
    days = Visit.objects.values_list("day", flat=True)
    with override_settings(TIME_ZONE="Europe/Berlin"):
        for number in range(-30, 31):
            cutoff = begin + timedelta(hours=number)
            past = [day for day in days if day < cutoff.astimezone(berlin).date()]
            assert eligible("move_visit", cutoff) == len(past)


def eligible(table, cutoff):
    asked = Asked(allow_emptying=True)
    return make_plan(find(table), get_backend("default"), asked, cutoff=cutoff).eligible


@pytest.mark.parametrize("night", NIGHTS, ids=["an hour twice", "an hour missing"])
def test_naive_moments_are_compared_as_the_clock_on_the_wall_shows_them(night, without_time_zones):
    """Within the hour that comes twice nothing tells the two apart: not even the row itself."""
    for cutoff, found, expected in without_time_zones("edges", night, zone="Europe/Berlin"):
        assert found == expected, cutoff


LEAP = [timedelta(days=3650), timedelta(days=-3650), timedelta(hours=1), timedelta(hours=-1)]


@pytest.mark.parametrize("leap", LEAP, ids=str)
@pytest.mark.parametrize("table", ["move_event", "famapp_story"])
def test_a_clock_that_is_set_between_two_batches_changes_nothing_about_what_leaves(
    leap, table, monkeypatch
):
    """The cutoff is taken once; the clock of later batches only stamps what they move."""
    clock = type(get_backend("default").session)
    begin = clock.begin_batch
    late = []

    def begin_late(self, *args, **kwargs):
        begun = begin(self, *args, **kwargs)
        return replace(begun, now=begun.now + leap) if late else begun

    monkeypatch.setattr(clock, "begin_batch", begin_late)
    old, young = [1, 2, 3, 4], [5, 6, 7]
    if table == "move_event":
        add_events(old, days=31)
        add_events(young, days=29)
    else:
        for key in [*old, *young]:
            days = 91 if key in old else 89
            made = timezone.now() - timedelta(days=days)
            Story.objects.create(pk=key, created_at=made)
            Chapter.objects.create(pk=key, story_id=key, written_at=made)
    listener = Listener(lambda number: late.append(number))
    result = archive(table, listener=listener, batch_size=2)
    assert result["state"] == "succeeded"
    assert len(listener.batches) > 1
    source = Event.everything if table == "move_event" else Story.objects
    assert sorted(source.values_list("pk", flat=True)) == young
    assert archive(table)["rows"] == 0
