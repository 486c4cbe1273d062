"""The connection's clock and tuning."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from dbhealth.backends.selection import Limits

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("use_tz", [False, True])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"])
def test_the_databases_clock_is_pythons_whatever_the_projects_time_zone(
    backend, settings, use_tz, zone
):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    before = datetime.now(UTC)
    now = backend.session.now()
    after = datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)
    # SQLite's clock stands still within a millisecond.
    assert before - timedelta(milliseconds=1) <= now <= after + timedelta(milliseconds=1)


def test_the_clock_goes_on_inside_a_transaction(backend):
    with transaction.atomic():
        first = backend.session.now()
        while (second := backend.session.now()) == first:
            pass
        assert second > first


def test_tuning_gives_back_what_it_took(backend, run):
    question = "PRAGMA cache_size" if connection.vendor == "sqlite" else "SHOW ALL"
    before = run(question)
    with backend.session.tuned():
        tuned = run(question)
    assert run(question) == before
    assert (tuned != before) is (connection.vendor == "sqlite")


@pytest.mark.sqlite
def test_tuning_leaves_a_larger_cache_of_the_project_alone(backend, run):
    run("PRAGMA cache_size = -64000")
    try:
        with backend.session.tuned():
            assert run("PRAGMA cache_size") == [(-64000,)]
    finally:
        run("PRAGMA cache_size = -2000")


def test_tuning_gives_back_what_it_took_after_an_error(backend, run):
    question = "PRAGMA cache_size" if connection.vendor == "sqlite" else "SHOW ALL"
    before = run(question)
    with pytest.raises(ZeroDivisionError), backend.session.tuned():
        raise ZeroDivisionError
    assert run(question) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_a_batchs_limits_hold_for_its_whole_transaction_and_end_with_it(backend, run):
    before = run("SHOW lock_timeout"), run("SHOW statement_timeout")
    with transaction.atomic():
        backend.session.begin_batch(Limits(lock=1.5, statement=7))
        assert run("SHOW lock_timeout") == [("1500ms",)]
        assert run("SHOW statement_timeout") == [("7s",)]
    assert (run("SHOW lock_timeout"), run("SHOW statement_timeout")) == before


@pytest.mark.django_db(transaction=True)
def test_deferred_foreign_keys_speak_inside_the_batch_where_the_flag_says_so(backend, run):
    from django.db import IntegrityError

    from tests.shopapp.models import Label

    def orphan() -> None:
        with transaction.atomic():
            backend.session.begin_batch(Limits(lock=1, statement=5))
            Label.objects.bulk_create([Label(parcel_id=404)])
            seen.append("inside")

    seen: list[str] = []
    with pytest.raises(IntegrityError):
        orphan()
    assert seen == ([] if backend.features.checks_constraints_before_commit else ["inside"])
    assert not Label.objects.exists()
