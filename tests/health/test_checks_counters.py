"""What a database counts: made to happen, seen, and gone when counting begins anew."""

import pytest
from django.db import OperationalError

from dbhealth.backends.server_records import Counters
from dbhealth.health.checks.counters import _a_day
from dbhealth.health.finding import Level
from tests.health.looking import execute, look, send, wait_for
from tests.servers.waiting import WAITING

pytestmark = pytest.mark.postgresql

ANEW = "SELECT pg_stat_reset()"
FLUSH = "SELECT pg_stat_force_next_flush()"


@pytest.fixture(autouse=True)
def _anew(tables):
    """Begin and leave without figures."""
    execute(FLUSH, ANEW)
    yield
    execute(ANEW)


def test_temporary_files_are_found_until_counting_begins_anew():
    assert look("S016", temporary_bytes=1_000_000) == {}
    execute(
        "SET work_mem = '64kB'",
        "SELECT count(*) FROM (SELECT i FROM generate_series(1, 200000) i ORDER BY -i) AS s",
        "RESET work_mem",
        FLUSH,
    )
    finding = look("S016", temporary_bytes=1_000_000)[""]
    assert (finding.id, finding.level) == ("dbhealth.S016", Level.INFO)
    assert finding.value > 1_000_000
    assert "MB a day go to temporary files, " in finding.title
    assert look("S016") == {}  # far from ten gigabytes
    execute(ANEW)
    assert look("S016", temporary_bytes=1_000_000) == {}


def test_deadlocks_are_found_until_counting_begins_anew(tables, others):
    tables("CREATE TABLE health_pair (id integer PRIMARY KEY)")
    tables("INSERT INTO health_pair VALUES (1), (2)")
    assert look("S017", deadlocks=1) == {}
    one, two = others(), others()
    lock = "SELECT FROM health_pair WHERE id = {} FOR UPDATE"
    # Whoever looks first is the one that is ended: the second.
    for session, row, looks in ((one, 1, "60s"), (two, 2, "20ms")):
        with session.cursor() as cursor:
            cursor.execute(f"SET deadlock_timeout = '{looks}'")
            cursor.execute("BEGIN")
            cursor.execute(lock.format(row))
    send(one, lock.format(2))
    wait_for(lambda: execute(WAITING))
    with pytest.raises(OperationalError, match="deadlock detected"), two.cursor() as cursor:
        cursor.execute(lock.format(1))
    with two.cursor() as cursor:
        cursor.execute("ROLLBACK")
        cursor.execute(FLUSH)
    finding = look("S017", deadlocks=1)[""]
    assert (finding.value, finding.level) == (1, Level.WARNING)
    assert finding.title == "Deadlocks: 1 a day, 1 in all."
    assert look("S017") == {}
    execute(ANEW)
    assert look("S017", deadlocks=1) == {}


@pytest.mark.parametrize("days, daily", [(0.01, 50), (1, 50), (10, 5), (100, 0.5)])
def test_what_came_in_the_first_day_is_that_of_a_whole_day(days, daily):
    found = Counters(temporary_files=0, temporary_bytes=0, deadlocks=50, seconds=days * 86_400)
    assert _a_day(found.deadlocks, found) == pytest.approx(daily)
