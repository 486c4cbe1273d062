"""Conditions of every kind, and days in every time zone."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from django.db.models import BooleanField, Case, F, Q, Value, When
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.db.models.query import QuerySet

from dbhealth.archive import archive_table
from tests.testapp import models
from tests.testapp.moving import NOW, OLD, PAST, YOUNG, Move

pytestmark = pytest.mark.django_db(transaction=True)

WHERES = (
    Q(state__contains="50%"),
    Q(state__icontains="_ DONE") | Q(state__startswith="%"),
    Q(state__regex="^5.% "),
    Q(pk__in=[]),
    ~Q(pk__in=[]),
    Q(created_at__year=2016, created_at__month=2),
    Q(created_at__date__gte=date(2016, 2, 29)),
    Q(created_at__lt=NOW - timedelta(days=2000)),
    Q(done=F("done"), pk__gt=F("pk") - 1),
    Q(Exact(Lower("state"), Value("50% done"))),
    ~Q(state="50% done"),
    Q(state="'; DROP TABLE x; --") ^ Q(done=True),
    Q(state__in=["", "%s", None], done__isnull=False),
    Q(Case(When(done=True, then=Value(True)), default=Value(False), output_field=BooleanField())),
    Q(),
)
STATES = ("50% done", "", "%s", "%d_ DONE", None, "'; DROP TABLE x; --")


@pytest.fixture
def narrowed(monkeypatch):
    """Return a function that gives the archive of Narrowed another condition."""
    options = models.NarrowedArchive._archive

    def narrow(where):
        policy = replace(options.policy, where=where)
        monkeypatch.setattr(models.NarrowedArchive, "_archive", replace(options, policy=policy))

    return narrow


def fill(*moments):
    models.Narrowed.objects.bulk_create(
        models.Narrowed(created_at=at, state=state, done=done)
        for at, state, done in product(moments, STATES, (True, False, None))
    )


def test_a_condition_means_what_it_means_to_django(narrowed):
    for where in WHERES:
        models.Narrowed.objects.all().delete()
        models.NarrowedArchive.objects.all().delete()
        narrowed(where)
        fill(OLD, PAST[1], PAST[4], YOUNG, None)
        past = QuerySet(models.Narrowed).filter(created_at__lt=NOW - timedelta(days=90))
        expected = set(past.filter(where).values_list("pk", flat=True))
        everything = QuerySet(models.Narrowed).count()
        dry = archive_table(models.Narrowed, dry_run=True)
        assert (dry["rows_eligible"], dry["plan"]["rows"]) == (len(expected), everything), where
        assert archive_table(models.Narrowed, batch_size=20)["rows"] == len(expected)
        assert set(models.NarrowedArchive.objects.values_list("pk", flat=True)) == expected
        assert models.Narrowed.objects.count() == everything - len(expected)


def test_the_conditions_above_choose_some_rows_and_leave_some():
    fill(OLD, PAST[1], PAST[4])
    found = [QuerySet(models.Narrowed).filter(where).count() for where in WHERES]
    assert len(set(found)) > 6
    assert found.count(0) == 1, "only the empty list finds nothing"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_is_one_of_the_project_s_own_time_zone(settings, zone):
    """The two are 25 hours apart, so that their days always differ."""
    settings.TIME_ZONE = zone
    today = datetime.now(tz=ZoneInfo(zone)).date()
    move = Move(models.ByDay)
    move.add(
        leaving=[models.ByDay(day=today - timedelta(days=31))],
        staying=[models.ByDay(day=today - timedelta(days=30)), models.ByDay(day=today)],
    )
    move.run()
