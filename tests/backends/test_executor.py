"""The one place that runs statements: where they may run, how long they wait, how they look."""

import time

import pytest
from django.db import OperationalError, connection, transaction

from dbhealth.backends.executor import MARKER
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import DBHealthError


def statement(sql: str = "SELECT 1", **more: object) -> Statement:
    return Statement(**{"sql": sql, "purpose": "Try it.", "lock": Lock.NONE, **more})


def timeouts(run) -> list[object]:
    """Return the session's own timeouts, however the engine calls them."""
    if connection.vendor == "sqlite":
        return run("PRAGMA busy_timeout")
    return [*run("SHOW lock_timeout"), *run("SHOW statement_timeout")]


@pytest.mark.django_db(transaction=True)
def test_a_result_has_rows_first_value_and_count(backend, committed, run):
    committed("tried", "(id integer)")
    insert = backend.executor.run(statement("INSERT INTO tried VALUES (1), (2), (3)"))
    assert (insert.rowcount, insert.rows, insert.first, insert.value) == (3, [], None, None)
    rows = backend.executor.run(statement("SELECT id, 'x' FROM tried ORDER BY id"))
    assert rows.rows == [(1, "x"), (2, "x"), (3, "x")]
    assert rows.first == (1, "x")
    assert rows.value == 1


@pytest.mark.django_db
def test_values_are_parameters_and_a_doubled_percent_sign_is_one(backend):
    evil = "'; DROP TABLE shop_parcels; --%s"
    found = backend.executor.run(statement("SELECT %s || '', '100%%'", params=(evil,)))
    assert found.first == (evil, "100%")
    assert backend.executor.run(statement("SELECT '100%%'")).value == "100%"


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_needs_a_transaction_is_refused_outside_of_one(backend):
    wanted = statement(transaction=InTransaction.REQUIRED)
    with pytest.raises(DBHealthError, match="must run inside a transaction: Try it"):
        backend.executor.run(wanted)
    with transaction.atomic():
        assert backend.executor.run(wanted).value == 1


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_bears_no_transaction_is_refused_inside_of_one(backend):
    wanted = statement(transaction=InTransaction.FORBIDDEN)
    assert backend.executor.run(wanted).value == 1
    with (
        transaction.atomic(),
        pytest.raises(DBHealthError, match="must run outside of any transaction: Try it"),
    ):
        backend.executor.run(wanted)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True], ids=["that works", "that fails"])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in the caller's transaction"])
def test_timeouts_do_not_outlive_a_statement(backend, run, fails, inside):
    sql = "SELECT * FROM no_such_table" if fails else "SELECT 1"
    wanted = statement(sql, lock_timeout=1.25, statement_timeout=5)
    before = timeouts(run)

    def once() -> None:
        with transaction.atomic():
            backend.executor.run(wanted)

    def attempt() -> None:
        once() if inside or fails else backend.executor.run(wanted)

    with transaction.atomic():
        if inside:
            _expect(fails, attempt)
            assert timeouts(run) == before
    if not inside:
        _expect(fails, attempt)
    assert timeouts(run) == before


def _expect(fails: bool, attempt) -> None:
    if not fails:
        attempt()
        return
    with pytest.raises(Exception, match="no_such_table"):
        attempt()


@pytest.mark.django_db(transaction=True)
def test_timeouts_are_in_force_while_the_statement_runs(backend):
    sql = (
        "SELECT timeout FROM pragma_busy_timeout"
        if connection.vendor == "sqlite"
        else "SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')"
    )
    found = backend.executor.run(statement(sql, lock_timeout=1.25, statement_timeout=7)).value
    assert found == (1250 if connection.vendor == "sqlite" else "1250ms 7s")


@pytest.mark.django_db(transaction=True)
def test_a_wait_that_is_too_short_to_count_is_still_bounded(backend):
    # Zero would mean "for ever" on PostgreSQL.
    sql = (
        "SELECT timeout FROM pragma_busy_timeout"
        if connection.vendor == "sqlite"
        else "SELECT current_setting('lock_timeout')"
    )
    found = backend.executor.run(statement(sql, lock_timeout=0.0001)).value
    assert found in {1, "1ms"}


def test_a_lock_is_waited_for_as_long_as_the_statement_says(backend, committed, second, run):
    committed("held", "(id integer)")
    with second.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO held VALUES (1)")
        if connection.vendor == "postgresql":
            cursor.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
    before = timeouts(run)
    began = time.monotonic()
    with pytest.raises(OperationalError) as caught:
        backend.executor.run(statement("INSERT INTO held VALUES (2)", lock_timeout=0.3))
    assert 0.25 <= time.monotonic() - began < 20
    assert backend.errors.trouble(caught.value) is Trouble.LOCK_TIMEOUT
    assert timeouts(run) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_a_statement_that_takes_too_long_is_ended_by_the_server(backend):
    assert backend.features.has_statement_timeout
    began = time.monotonic()
    with pytest.raises(OperationalError) as caught:
        backend.executor.run(statement("SELECT pg_sleep(30)", statement_timeout=0.2))
    assert time.monotonic() - began < 20
    assert backend.errors.trouble(caught.value) is Trouble.STATEMENT_TIMEOUT


@pytest.mark.sqlite
def test_sqlite_has_no_statement_timeout_and_says_so(backend):
    assert not backend.features.has_statement_timeout


@pytest.mark.django_db
def test_every_statement_bears_the_marker(backend, django_assert_num_queries):
    with django_assert_num_queries(1) as seen:
        backend.executor.run(statement("SELECT 42"))
    assert seen.captured_queries[0]["sql"] == f"SELECT {MARKER} 42"


@pytest.mark.django_db
def test_what_sets_the_timeouts_bears_the_marker_too(backend):
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        backend.executor.run(statement("SELECT 42", lock_timeout=1))
    sent = ";".join(query["sql"] for query in seen.captured_queries).split(";")
    ours = [sql for sql in sent if sql.lstrip().startswith(("SELECT", "PRAGMA"))]
    assert len(ours) > 1
    assert all(MARKER in sql for sql in ours), ours


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_the_server_shows_the_marker_in_activity_and_statistics(backend, run):
    activity = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    assert MARKER in backend.executor.run(statement(activity)).value
    run("CREATE EXTENSION pg_stat_statements", "SELECT pg_stat_statements_reset()")
    try:
        backend.executor.run(statement("SELECT count(*) AS marked FROM shop_parcels"))
        found = run("SELECT query FROM pg_stat_statements WHERE query LIKE '%marked FROM shop%'")
    finally:
        run("DROP EXTENSION pg_stat_statements")
    assert [MARKER in query for (query,) in found] == [True]


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_look_takes_no_write_lock_where_the_projects_transactions_do(backend, monkeypatch):
    connection.ensure_connection()  # which reads the mode from the settings
    monkeypatch.setattr(connection, "transaction_mode", "IMMEDIATE")
    with backend.executor.looking(lock=0.1, seconds=5), transaction.atomic():
        assert backend.executor.run(statement()).value == 1
    assert connection.transaction_mode == "IMMEDIATE"
