"""Counting, looking and moving rows: the statements under every archive run."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from dbhealth.archive.plan import Asked, make_plan
from dbhealth.archive.registry import find
from dbhealth.backends.selection import KeyRange, Limits, Way
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import DBHealthError, NotSupported
from tests.shopapp.models import Label, Parcel, ParcelArchive, Reading, ReadingArchive

LIMITS = Limits(lock=0.2, statement=10)
OLD = timedelta(days=200)

pytestmark = pytest.mark.django_db


@pytest.fixture
def parcels(transactional_db):
    """Make nine old parcels, one without a moment, one of today and one of tomorrow."""
    now = timezone.now()
    old = [Parcel(number=str(i), sent_at=now - OLD - timedelta(days=i)) for i in range(9)]
    others = [None, now, now + timedelta(days=1)]
    rest = [Parcel(number=f"other {i}", sent_at=moment) for i, moment in enumerate(others)]
    return Parcel.objects.bulk_create([*old, *rest])


@pytest.fixture
def plan(backend, parcels):
    return make_plan(find(Parcel), backend, Asked(), full=True)


@pytest.fixture
def transfer(plan):
    return plan.transfer(7, datetime(2025, 1, 1, tzinfo=UTC))


def key(backend, parcel):
    """Return a parcel's key in the form that the backend keeps it in."""
    return (str(parcel.pk) if connection.vendor == "postgresql" else parcel.pk,)


def move(backend, transfer, keys, way):
    with transaction.atomic():
        backend.session.begin_batch(LIMITS, snapshot=way is Way.SNAPSHOT)
        (moved,) = backend.rows.move(transfer, keys, LIMITS, way)
        return moved


def test_a_survey_counts_the_eligible_and_says_how_old_they_are(backend, plan, parcels):
    brief = backend.rows.survey(plan.selection, LIMITS)
    full = plan.survey
    assert brief.eligible == full.eligible == 9
    assert (brief.oldest, brief.newest) == (full.oldest, full.newest)
    assert datetime.fromisoformat(brief.newest).replace(tzinfo=UTC) == parcels[0].sent_at
    assert datetime.fromisoformat(brief.oldest).replace(tzinfo=UTC) == parcels[8].sent_at
    assert (full.rows, full.null_timestamps, full.future_timestamps) == (12, 1, 1)
    assert brief.rows is None


def test_an_empty_table_is_surveyed_too(backend, transactional_db):
    plan = make_plan(find(Parcel), backend, Asked(), full=True)
    assert (plan.survey.eligible, plan.survey.oldest, plan.survey.rows) == (0, None, 0)
    assert backend.rows.last_key(plan.selection, LIMITS) is None
    assert backend.rows.next_key(plan.selection, KeyRange(), 5, LIMITS) is None
    assert not backend.rows.keeps_a_row(plan.selection, LIMITS)


def test_whether_a_row_would_stay_is_known_before_anything_moves(backend, plan):
    assert backend.rows.keeps_a_row(plan.selection, LIMITS)
    Parcel.objects.exclude(number__in="012345678").delete()
    assert not backend.rows.keeps_a_row(plan.selection, LIMITS)
    Parcel.objects.create(number="no moment")
    assert backend.rows.keeps_a_row(plan.selection, LIMITS)


def test_keys_are_walked_in_their_order(backend, plan, parcels):
    rows, keys = backend.rows, [key(backend, parcel) for parcel in parcels[:9]]
    assert rows.last_key(plan.selection, LIMITS) == keys[8]
    assert rows.next_key(plan.selection, KeyRange(), 4, LIMITS) == keys[3]
    assert rows.next_key(plan.selection, KeyRange(after=keys[3]), 4, LIMITS) == keys[7]
    assert rows.next_key(plan.selection, KeyRange(after=keys[7]), 4, LIMITS) == keys[8]
    assert rows.next_key(plan.selection, KeyRange(after=keys[8]), 4, LIMITS) is None
    assert rows.remaining(plan.selection, KeyRange(after=keys[3], upto=keys[7]), LIMITS) == 4


@pytest.mark.parametrize("way", [Way.SNAPSHOT, Way.RECHECK])
def test_a_range_of_keys_moves_whole_and_nothing_else_does(backend, plan, transfer, parcels, way):
    before = {p.pk: (p.number, p.sent_at, p.weight) for p in Parcel.objects.all()}
    keys = KeyRange(after=key(backend, parcels[1]), upto=key(backend, parcels[5]))
    moved = move(backend, transfer, keys, way)
    assert (moved.deleted, moved.inserted) == (4, 4)
    archived = {p.pk: (p.number, p.sent_at, p.weight) for p in ParcelArchive.objects.all()}
    left = {p.pk: (p.number, p.sent_at, p.weight) for p in Parcel.objects.all()}
    assert set(archived) == {parcel.pk for parcel in parcels[2:6]}
    assert archived | left == before
    assert not archived.keys() & left.keys()
    assert set(ParcelArchive.objects.values_list("archive_run_id", flat=True)) == {7}


def test_stepping_over_locked_rows_works_exactly_where_the_flag_says_so(
    backend, transfer, parcels, second
):
    everything = KeyRange()
    if not backend.features.can_skip_locked:
        with pytest.raises(NotSupported, match="locks the whole file"):
            move(backend, transfer, everything, Way.SKIP_LOCKED)
        assert Parcel.objects.count() == 12
        return
    with second.cursor() as cursor:
        cursor.execute("BEGIN")
        held = [parcels[3].pk, parcels[4].pk]
        cursor.execute("SELECT 1 FROM shop_parcels WHERE id = ANY(%s) FOR UPDATE", [held])
        moved = move(backend, transfer, everything, Way.SKIP_LOCKED)
        cursor.execute("ROLLBACK")
    assert (moved.deleted, moved.inserted) == (7, 7)
    assert set(held) < set(Parcel.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("way", [Way.SNAPSHOT, Way.RECHECK])
def test_a_move_waits_for_a_lock_no_longer_than_it_is_told(
    backend, transfer, parcels, second, way, run
):
    with second.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE shop_parcels SET weight = 2 WHERE id = %s", [parcels[3].pk])
        with pytest.raises(Exception, match="lock") as caught:
            move(backend, transfer, KeyRange(), way)
        cursor.execute("ROLLBACK")
    assert backend.errors.trouble(caught.value) is Trouble.LOCK_TIMEOUT
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (12, 0)


def test_a_move_outside_of_a_transaction_is_refused(backend, transfer, parcels):
    with pytest.raises(DBHealthError, match="inside a transaction"):
        backend.rows.move(transfer, KeyRange(), LIMITS, Way.RECHECK)
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (12, 0)


def test_the_statements_shown_are_those_that_move(backend, transfer, parcels):
    for way in (Way.SNAPSHOT, Way.RECHECK):
        shown = backend.rows.move_statements(transfer, KeyRange(), LIMITS, way)
        assert all(connection.ops.quote_name("shop_parcels") in part.sql for part in shown)
        assert all(part.lock.blocks for part in shown)
        assert {part.lock_timeout for part in shown} == {LIMITS.lock}


def test_rows_that_point_at_eligible_rows_are_counted(backend, plan, parcels):
    Label.objects.bulk_create([Label(parcel=parcels[i]) for i in (0, 0, 1, 9, 10)])
    (link,) = backend.catalog.referencing("shop_parcels")
    assert backend.rows.pointing_rows(plan.selection, link, LIMITS) == 3


def test_keys_that_the_archive_holds_already_are_found(backend, plan, transfer, parcels):
    assert backend.rows.taken_keys(transfer, 0, KeyRange(), LIMITS) == []
    for parcel in parcels[2:4]:
        ParcelArchive.objects.create(pk=parcel.pk, archived_at=timezone.now(), archive_run_id=1)
    taken = backend.rows.taken_keys(transfer, 0, KeyRange(), LIMITS)
    assert sorted(taken) == sorted(key(backend, parcel) for parcel in parcels[2:4])


def test_a_uuid_is_a_key_like_any_other(backend, transactional_db):
    old = date(2020, 1, 1)
    readings = [
        Reading(id=uuid.UUID(int=i << 96), taken_on=old, checked=i % 2 == 0) for i in range(8)
    ]
    Reading.objects.bulk_create([*readings, Reading(taken_on=timezone.now(), checked=True)])
    plan = make_plan(find("Shop_Readings"), backend, Asked())
    assert plan.eligible == 4
    upto = backend.rows.next_key(plan.selection, KeyRange(), 2, LIMITS)
    moved = move(backend, plan.transfer(1, timezone.now()), KeyRange(upto=upto), Way.SNAPSHOT)
    assert moved.deleted == 2
    assert set(ReadingArchive.objects.values_list("pk", flat=True)) == {
        readings[0].pk,
        readings[2].pk,
    }
    last = backend.rows.last_key(plan.selection, LIMITS)
    assert backend.rows.remaining(plan.selection, KeyRange(after=upto, upto=last), LIMITS) == 2


@pytest.mark.sqlite
def test_sqlite_locks_the_whole_file_and_says_so(backend):
    assert not backend.features.locks_rows
    assert not backend.features.can_skip_locked
