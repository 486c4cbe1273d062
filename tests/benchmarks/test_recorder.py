"""What the recorder costs the application: the same queries with it and without it, by turns."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from dbhealth.queries.capture import RECORDER

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUERIES, TURNS = 1_000, 15


@pytest.fixture
def sessions() -> Iterator[None]:
    Session.objects.bulk_create(
        Session(session_key=f"k{n}", session_data="", expire_date=NOW + timedelta(minutes=n))
        for n in range(1_000)
    )
    yield
    connection.close()
    if RECORDER in connection.execute_wrappers:
        connection.execute_wrappers.remove(RECORDER)
    RECORDER.begin_anew()


def work() -> float:
    """Send small queries, where any cost of their own weighs most; return the time (seconds).

    That of this process alone: what the server takes would hide what the recorder takes.
    """
    before = process_time()
    for number in range(QUERIES):
        Session.objects.get(session_key=f"k{number}")
    return process_time() - before


@pytest.mark.parametrize("share, limit", [(0.1, 1.05), (1, 1.12)])
def test_small_queries_hardly_take_longer(settings, sessions, share, limit) -> None:
    # Once more often than in life, where a minute lies between two writings.
    settings.DBHEALTH = {"RECORD_INDEX_USE": True, "RECORD_SAMPLE": share, "RECORD_SECONDS": 5}
    assert RECORDER not in connection.execute_wrappers
    without, beside = [], []
    work()
    for _ in range(TURNS):
        without.append(work())
        connection.execute_wrappers.insert(0, RECORDER)
        beside.append(work())
        connection.execute_wrappers.remove(RECORDER)
    assert RECORDER.memory.databases()
    # The quickest turns: whatever else the machine does only adds to a time.
    ratio = min(beside) / min(without)
    micro = 1_000_000 / QUERIES
    print(  # noqa: T201
        f"\nlooking at {share:.0%}: {min(beside) * micro:.0f} µs a query, "
        f"{min(without) * micro:.0f} without it, {ratio:.3f}"
    )
    assert ratio <= limit
