"""The recorder: what it counts, when it writes, and that no query ever feels it."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.signals import request_finished
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from dbhealth.backends.planning import PlannedIndex
from dbhealth.exceptions import UsageError
from dbhealth.queries import capture
from dbhealth.queries.capture import RECORDER, recording
from dbhealth.queries.models import RecordedStatement, RecordedUse
from dbhealth.queries.workload import Workload, uses
from dbhealth.queries.writing import KEPT_STATEMENTS, UNHURRIED, clear_away
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db(transaction=True)

BY_DATE = "django_session_expire_date_a5c62663"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh():
    RECORDER.begin_anew()
    yield
    RECORDER.begin_anew()


@pytest.fixture
def sessions():
    """Enough of them for an index to matter to every planner."""
    Session.objects.bulk_create(
        Session(session_key=f"k{n}", session_data="", expire_date=NOW + timedelta(minutes=n))
        for n in range(1500)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_session")


@pytest.fixture
def switched_on(settings):
    """The setting is on, everything is looked at, and what is counted is written at once."""

    def switch(**values):
        defaults = {"RECORD_INDEX_USE": True, "RECORD_SAMPLE": 1, "RECORD_SECONDS": 1}
        settings.DBHEALTH = defaults | values
        connection.close()

    yield switch
    for alias in connections:
        connections[alias].close()
        while RECORDER in connections[alias].execute_wrappers:
            connections[alias].execute_wrappers.remove(RECORDER)


def expired(minutes=5):
    return list(Session.objects.filter(expire_date__lt=NOW + timedelta(minutes=minutes)))


def by_date():
    """Return the recorded uses of the index, none at all as 0."""
    found = uses("default").indexes.get(PlannedIndex("django_session", BY_DATE))
    return found.count if found else 0


def written_at_once():
    """Let the next statement outside of any transaction write."""
    RECORDER._written = float("-inf")


def test_a_block_counts_each_execution_for_the_index_it_uses(sessions):
    before = timezone.now()
    with recording():
        for minutes in (1, 2, 3):
            expired(minutes)
    workload = uses("default")
    used = workload.indexes[PlannedIndex("django_session", BY_DATE)]
    assert used.count == 3
    assert before <= used.last <= timezone.now()
    assert workload.since <= before
    assert workload.days == 1


def test_the_statement_is_kept_without_its_values(sessions):
    with recording():
        expired()
    [text] = uses("default").indexes[PlannedIndex("django_session", BY_DATE)].statements
    assert "expire_date" in text
    assert "2026" not in text
    assert text.endswith("%s")


def test_a_table_that_is_read_whole_is_counted_as_such(sessions):
    with recording():
        list(Session.objects.filter(session_data="none"))
    assert uses("default").whole["django_session"].count == 1


def test_changes_count_and_rows_that_are_inserted_do_not(sessions):
    with recording():
        Session.objects.filter(expire_date__lt=NOW + timedelta(minutes=5)).update(session_data="x")
        Session.objects.create(session_key="new", session_data="", expire_date=NOW)
    assert by_date() == 1
    assert RecordedStatement.objects.filter(sql__startswith="INSERT").count() == 0


def test_counts_add_up_over_blocks_in_one_row(sessions):
    for _ in range(3):
        with recording():
            expired()
    assert by_date() == 3
    assert RecordedUse.objects.filter(index=BY_DATE).count() == 1


def test_lists_of_different_lengths_are_one_statement(sessions):
    with recording():
        for count in (2, 3, 9):
            list(Session.objects.filter(session_key__in=[f"k{n}" for n in range(count)]))
    [text] = RecordedStatement.objects.values_list("sql", flat=True)
    assert "IN (%s, …)" in text


def test_nothing_is_recorded_outside_of_the_block_nor_on_another_alias(sessions):
    with recording(using="other"):
        expired()
    expired()
    assert uses("default") == Workload()
    assert RECORDER not in connection.execute_wrappers


def test_an_alias_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="'othr'"), recording(using="othr"):
        pass


def test_inside_a_transaction_nothing_is_run_and_later_all_of_it_is_there(sessions):
    with transaction.atomic(), connection.execute_wrapper(counted := Counted()):
        with recording():
            expired()
        assert counted.statements == 1
        assert uses("default") == Workload()
    RECORDER.write(UNHURRIED)
    assert by_date() == 1


class Counted:
    """Counts what is sent on the thread's own connection."""

    def __init__(self):
        self.statements = 0

    def __call__(self, execute, *args):
        self.statements += 1
        return execute(*args)


def test_what_the_recorder_sends_does_not_go_over_the_applications_connection(sessions):
    with recording(), connection.execute_wrapper(counted := Counted()):
        expired()
    assert (counted.statements, by_date()) == (1, 1)


def test_a_query_that_is_still_being_read_is_not_held_up(sessions, switched_on):
    switched_on()
    rows = Session.objects.order_by("expire_date").iterator(chunk_size=10)
    first = next(rows)
    written_at_once()
    before = time.monotonic()
    expired()
    assert time.monotonic() - before < 2
    assert len([first, *rows]) == 1500
    written_at_once()
    expired()
    assert by_date() >= 1


def test_the_setting_records_connections_from_their_beginning(sessions, switched_on):
    switched_on()
    expired()
    expired()
    written_at_once()
    expired()
    assert by_date() == 2
    assert len([one for one in connection.execute_wrappers if one is RECORDER]) == 1


def test_without_the_setting_no_connection_is_touched(sessions):
    connection.close()
    expired()
    assert RECORDER not in connection.execute_wrappers


def test_a_request_that_was_one_transaction_is_written_when_it_has_ended(sessions, switched_on):
    switched_on()
    with transaction.atomic():
        expired()
        written_at_once()
        expired()
        assert RecordedUse.objects.count() == 0
    request_finished.send(sender=None)
    assert by_date() == 2


def test_a_share_of_the_statements_stands_for_all(sessions, switched_on, monkeypatch):
    # Every fourth draw is below a quarter.
    draws = iter([0.9, 0.1, 0.8, 0.7] * 100)
    monkeypatch.setattr(capture, "random", lambda: next(draws))
    switched_on(RECORD_SAMPLE=0.25)
    for _ in range(8):
        expired()
    RECORDER.write(UNHURRIED)
    assert by_date() == 8


def test_parts_of_a_use_are_kept_until_they_make_one(sessions, switched_on, monkeypatch):
    monkeypatch.setattr(capture, "random", lambda: 0.0)
    switched_on(RECORD_SAMPLE=0.4)
    counts = []
    for _ in range(4):
        expired()
        RECORDER.write(UNHURRIED)
        counts.append(by_date())
    assert counts == [2, 5, 7, 10]


def test_a_query_that_fails_fails_as_ever_and_is_not_counted(sessions):
    with recording(), connection.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT * FROM django_session WHERE expire_date = no_such_column")
    assert uses("default") == Workload()


def test_a_block_that_fails_leaves_no_recorder_behind(sessions):
    with pytest.raises(ZeroDivisionError), recording():
        raise ZeroDivisionError
    expired()
    RECORDER.write(UNHURRIED)
    assert uses("default") == Workload()


def test_a_mistake_of_the_recorder_never_reaches_the_query(sessions, monkeypatch):
    monkeypatch.setattr(RECORDER.memory, "note", lambda *a, **k: 1 / 0)
    with recording():
        assert len(expired()) == 5


def test_what_cannot_be_written_is_written_later(sessions, monkeypatch, caplog):
    class Broken(Exception):
        pass

    def refuse(*args):
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(RECORDER._writer, "_store", refuse)
        for _ in range(2):
            with recording():
                expired()
    assert uses("default") == Workload()
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    with recording():
        expired()
    assert by_date() == 3


def test_a_statement_without_a_plan_is_let_go(sessions, caplog):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE passing (a integer)")
        try:
            with recording():
                cursor.execute("SELECT * FROM passing WHERE a = %s", [1])
                expired()
        finally:
            cursor.execute("DROP TABLE passing")
    assert by_date() == 1
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_two_statements_in_one_are_never_explained(sessions):
    if postgres_major() is None:
        pytest.skip("SQLite takes one statement at a time.")
    with connection.cursor() as cursor, recording():
        cursor.execute("SELECT 1; DELETE FROM django_session WHERE session_key = 'k1'")
    assert Session.objects.count() == 1499
    assert RECORDER.memory.unexplained(("default", connection.settings_dict["NAME"])) == []


def test_memory_is_bounded_and_what_leaves_it_is_counted(sessions, switched_on):
    switched_on(RECORD_STATEMENTS=3, RECORD_SECONDS=3600)
    expired()
    RECORDER.write(UNHURRIED)
    expired()
    with connection.cursor() as cursor:
        for n in range(50):
            cursor.execute(f"SELECT {n} FROM django_session WHERE session_key = 'k{n}'")
    [book] = RECORDER.memory._books.values()
    assert len(book.seen) == 3
    RECORDER.write(UNHURRIED)
    assert by_date() == 2
    # The plans of 47 of the 50 were never asked for; the texts of five are kept at most.
    assert RecordedStatement.objects.exclude(index=BY_DATE).count() == 3


def test_values_that_are_too_large_are_not_kept_in_memory(sessions):
    with recording():
        list(Session.objects.filter(session_data="x" * 20_000))
        [(_, seen)] = [
            pair for book in RECORDER.memory._books.values() for pair in book.seen.items()
        ]
        assert (seen.sql, seen.params, seen.executions) == ("", None, 1.0)


def test_threads_lose_nothing(sessions):
    def work():
        with recording():
            for _ in range(20):
                expired()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    RECORDER.write(UNHURRIED)
    assert by_date() == 80


def test_a_forked_child_writes_nothing_of_its_parent(sessions, switched_on):
    switched_on(RECORD_SECONDS=3600)
    expired()
    connections.close_all()
    RECORDER._one_writes.acquire()
    if (pid := os.fork()) == 0:
        # Whatever happens: the child must not go on with the tests.
        os._exit(
            0 if not RECORDER.memory.databases() and RECORDER._one_writes.acquire(False) else 1
        )
    RECORDER._one_writes.release()
    assert os.waitpid(pid, 0)[1] == 0
    RECORDER.write(UNHURRIED)
    assert by_date() == 1


def test_counts_of_a_test_database_never_go_to_the_one_that_takes_its_place(sessions):
    RECORDER.memory.note(
        ("default", "another name"), "SELECT 1", None, executions=1, most=9, clock=0
    )
    RECORDER.write(UNHURRIED)
    assert RECORDER.memory.databases() == []
    assert uses("default") == Workload()


def test_old_days_and_surplus_texts_are_cleared_away(settings):
    settings.DBHEALTH = {"RECORD_DAYS": 30}
    today = timezone.now()
    for days in (1, 29, 32, 400):
        moment = today - timedelta(days=days)
        for alias in ("default", "other"):
            RecordedUse.objects.create(
                database=alias, table="t", index="i", day=moment.date(), last_used=moment
            )
    for number in range(KEPT_STATEMENTS + 5):
        RecordedStatement.objects.create(
            database="default",
            table="t",
            index="i",
            fingerprint=str(number),
            sql=f"SELECT {number}",
            last_used=today - timedelta(minutes=number),
        )
    clear_away("default", "default")
    assert RecordedUse.objects.filter(database="default").count() == 2
    assert RecordedUse.objects.filter(database="other").count() == 4
    kept = set(RecordedStatement.objects.values_list("fingerprint", flat=True))
    assert kept == {str(number) for number in range(KEPT_STATEMENTS)}


def test_a_router_can_send_the_counts_to_another_database(sessions, settings):
    settings.DATABASE_ROUTERS = ["tests.queries.routers.KeptElsewhere"]
    with recording(using="default"):
        expired()
    assert by_date() == 1
    assert RecordedUse.objects.using("other").filter(database="default").exists()
    assert not RecordedUse.objects.using("default").exists()


test_a_router_can_send_the_counts_to_another_database.pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"])
]
