"""What an exception of the driver means, each one raised by the engine itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.trouble import Trouble
from tests.shopapp.models import Label, Parcel

HEAVIER = "UPDATE shop_parcels SET weight = weight + 1 WHERE id = %s"


def fails_with(error: type[Exception], sql: str) -> BaseException:
    with pytest.raises(error) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    return caught.value


@contextmanager
def transaction_on(session: BaseDatabaseWrapper) -> Iterator[Any]:
    """Give a cursor of a further session, inside a transaction that is rolled back."""
    with session.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO shop_parcels (number, weight, slip) VALUES ('a', 1, ''), ('a', 1, '')",
        "INSERT INTO shop_parcels (number, weight, slip) VALUES (NULL, 1, '')",
    ],
    ids=["unique", "not null"],
)
def test_a_broken_constraint_is_an_integrity_error(backend, sql):
    trouble = backend.errors.trouble(fails_with(IntegrityError, sql))
    assert trouble is Trouble.INTEGRITY
    assert not trouble.passes


@pytest.mark.django_db(transaction=True)
def test_a_deferred_foreign_key_at_commit_is_an_integrity_error(backend):
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Label.objects.bulk_create([Label(parcel_id=404)])
    assert backend.errors.trouble(caught.value) is Trouble.INTEGRITY


@pytest.mark.django_db
@pytest.mark.parametrize("sql", ["SELECT * FROM no_such_table", "SELEC 1"])
def test_a_mistake_in_sql_is_no_trouble_that_passes(backend, sql):
    trouble = backend.errors.trouble(fails_with(DatabaseError, sql))
    assert trouble is Trouble.OTHER
    assert not trouble.passes


@pytest.mark.django_db(transaction=True)
def test_an_error_of_python_is_no_trouble_of_the_database(backend):
    assert backend.errors.trouble(ValueError("no")) is Trouble.OTHER


@pytest.mark.postgresql
def test_a_deadlock_is_one(backend, second):
    first = Parcel.objects.create(number="1")
    other = Parcel.objects.create(number="2")
    caught: list[BaseException] = []
    at_work = threading.Event()

    def the_other_way_round() -> None:
        with transaction_on(second) as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
            cursor.execute(HEAVIER, [other.pk])
            at_work.set()
            with pytest.raises(DatabaseError) as mine:
                cursor.execute(HEAVIER, [first.pk])
        caught.append(mine.value)

    second.inc_thread_sharing()
    thread = threading.Thread(target=the_other_way_round)
    with transaction.atomic(), connection.cursor() as cursor:
        # The other session looks for the deadlock, not this one.
        cursor.execute("SET LOCAL deadlock_timeout = '60s'")
        cursor.execute(HEAVIER, [first.pk])
        thread.start()
        assert at_work.wait(10)
        cursor.execute(HEAVIER, [other.pk])
    thread.join(10)
    assert [backend.errors.trouble(error) for error in caught] == [Trouble.DEADLOCK]
    assert Trouble.DEADLOCK.passes


@pytest.mark.postgresql
def test_a_serialization_failure_is_one(backend, second):
    parcel = Parcel.objects.create(number="1")
    with transaction_on(second) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM shop_parcels")
        Parcel.objects.filter(pk=parcel.pk).update(weight=5)
        with pytest.raises(DatabaseError) as caught:
            cursor.execute(HEAVIER, [parcel.pk])
    assert backend.errors.trouble(caught.value) is Trouble.SERIALIZATION


@pytest.mark.postgresql
def test_a_session_that_the_server_ended_is_disconnected(backend, second):
    with second.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
        with connection.cursor() as killer:
            # waits until the session has ended (milliseconds)
            killer.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        with pytest.raises(DatabaseError) as caught:
            cursor.execute("SELECT 1")
    assert backend.errors.trouble(caught.value) is Trouble.DISCONNECTED
    assert not Trouble.DISCONNECTED.passes


@pytest.mark.sqlite
def test_a_busy_file_is_a_lock_timeout(backend, second):
    Parcel.objects.create(number="1")
    with transaction.atomic(), connection.cursor() as cursor, second.cursor() as other:
        cursor.execute("UPDATE shop_parcels SET weight = 2")
        other.execute("PRAGMA busy_timeout = 1")
        with pytest.raises(DatabaseError) as caught:
            other.execute("UPDATE shop_parcels SET weight = 3")
    assert backend.errors.trouble(caught.value) is Trouble.LOCK_TIMEOUT


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_file_that_may_not_grow_is_full(backend, run):
    (pages,) = run("PRAGMA page_count")[0]
    run(f"PRAGMA max_page_count = {pages}")
    try:
        error = fails_with(DatabaseError, "CREATE TABLE large AS SELECT zeroblob(10000000) AS x")
    finally:
        run("PRAGMA max_page_count = 1073741823")
    assert backend.errors.trouble(error) is Trouble.DISK_FULL
    assert not Trouble.DISK_FULL.passes


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_writes_is_read_only(backend, second):
    begin = ["SET default_transaction_read_only = on"]
    if connection.vendor == "sqlite":
        begin = ["PRAGMA query_only = on"]
    with second.cursor() as cursor:
        for sql in begin:
            cursor.execute(sql)
        with pytest.raises(DatabaseError) as caught:
            cursor.execute("UPDATE shop_parcels SET weight = 3")
    assert backend.errors.trouble(caught.value) is Trouble.READ_ONLY
    assert not Trouble.READ_ONLY.passes


def test_what_keeps_a_run_from_going_on_has_a_hint(backend):
    for trouble in (Trouble.LOCK_TIMEOUT, Trouble.DISCONNECTED, Trouble.DISK_FULL):
        assert backend.errors.hint(trouble).endswith(".")
    assert backend.errors.hint(Trouble.OTHER) == ""
