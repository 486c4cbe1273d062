"""Between two batches others have the write lock of an SQLite file, and need not wait for a run."""

import time
from weakref import WeakKeyDictionary

import pytest
from django.db import connection, transaction

from dbhealth.backends import get_backend
from dbhealth.backends.sqlite import sharing
from dbhealth.backends.sqlite.sharing import Sharing
from dbhealth.checks import check_settings
from tests.moveapp.models import Event
from tests.moveapp.tools import InThread, add_events, ago, archive

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pauses(monkeypatch):
    """Return the pauses that are made from here on; none is waited for."""
    found = []
    monkeypatch.setattr(sharing, "_SHARING", WeakKeyDictionary())
    monkeypatch.setattr(sharing.time, "sleep", found.append)
    return found


def batches(held, *, pauses, count, seconds, version=lambda: 1):
    """Play so many batches of a length; return after how many there was a pause."""
    after = []
    for number in range(1, count + 1):
        before = len(pauses)
        held.held(seconds, version)
        after += [number] * (len(pauses) - before)
    return after


def test_a_file_that_nobody_else_writes_soon_costs_a_pause_in_three_seconds_only(pauses):
    found = batches(Sharing(), pauses=pauses, count=62, seconds=0.125)
    assert found == [2, 10, 34, 58]


def test_while_others_write_they_may_after_a_quarter_of_a_second(pauses):
    commits = iter(range(100))
    found = batches(Sharing(), pauses=pauses, count=10, seconds=0.125, version=commits.__next__)
    assert found == [2, 4, 6, 8, 10]


def test_others_who_come_again_are_given_way_as_often_again(pauses):
    commits = iter([1, 1, 1, 2])
    found = batches(
        Sharing(), pauses=pauses, count=44, seconds=0.125, version=lambda: next(commits, 2)
    )
    assert found == [2, 10, 34, 36, 44]


def test_a_batch_that_is_longer_than_that_is_followed_by_a_pause_each_time(pauses):
    assert batches(Sharing(), pauses=pauses, count=3, seconds=3.5) == [1, 2, 3]


def test_who_cannot_look_whether_others_write_takes_it_that_they_do(pauses):
    versions = iter([1, None, 3, 3])
    found = batches(Sharing(), pauses=pauses, count=7, seconds=0.125, version=versions.__next__)
    assert found == [2, 4]


def test_the_version_is_that_of_what_others_have_committed(backend):
    before = backend.session._version()
    Event.everything.create(pk=1, created_at=ago(days=1))
    assert backend.session._version() == before
    InThread(lambda: Event.everything.create(pk=2, created_at=ago(days=1))).result()
    assert backend.session._version() != before


def test_a_look_at_a_file_that_somebody_keeps_locked_ends_nothing(backend):
    other = connection.copy()
    try:
        other.ensure_connection()
        other.cursor().execute("BEGIN EXCLUSIVE")
        # It does not wait for as long as the project does, nor more than once.
        began = time.monotonic()
        backend.session.give_way(3.0)
        assert time.monotonic() - began < connection.settings_dict["OPTIONS"].get("timeout", 5)
        assert backend.session._version() is None
    finally:
        other.close()


def test_who_waits_since_a_batch_began_writes_before_many_more_have_ended(backend, journal_mode):
    waiting, rounds = None, 0
    while waiting is None or waiting.alive:
        with transaction.atomic():
            Event.everything.filter(pk=0).update(version=1)
            waiting = waiting or InThread(
                lambda: Event.everything.create(pk=1, created_at=ago(days=1))
            )
            # Longer than it takes until the other one asks only ten times a second.
            time.sleep(0.4)
        backend.session.give_way(3.0)
        rounds += 1
        assert rounds < 10
    waiting.result()
    assert Event.everything.filter(pk=1).exists()


def test_runs_of_small_tables_add_up(backend, pauses):
    backend.session.give_way(0.125)
    assert not pauses
    get_backend("default").session.give_way(0.125)
    assert len(pauses) == 1


def test_each_batch_gives_way_outside_of_its_transaction(monkeypatch):
    found = []

    def give_way(session, seconds):
        found.append((connection.in_atomic_block, seconds > 0))

    monkeypatch.setattr("dbhealth.backends.sqlite.session.SqliteSession.give_way", give_way)
    add_events(range(1, 31))
    Event.everything.create(pk=10**9, created_at=ago(days=1))
    assert archive(batch_size=10)["rows"] == 30
    assert found == [(False, True)] * 3


def test_a_way_to_a_server_is_an_error_here(settings):
    settings.DBHEALTH = {"DIRECT": {"default": "host=db.example.com"}}
    (said,) = check_settings()
    assert (said.id, "SQLite has none" in said.msg) == ("dbhealth.E001", True)
