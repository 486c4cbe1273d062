"""Sessions that really run long, idle, block and fill the server up."""

import pytest
from django.db import connection

from dbhealth.backends import get_backend
from dbhealth.health.finding import Level
from tests.health.looking import (
    execute,
    look,
    mend,
    send,
    state,
    wait_for,
)

pytestmark = pytest.mark.postgresql

ALL = ("S001", "S002", "S003", "S004", "S005", "S006")


def pid_of(session):
    return session.connection.info.backend_pid


def query(session, *statements):
    with session.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def test_sessions_that_do_nothing_wrong_are_no_findings(others):
    others()
    assert look(*ALL) == {}


def test_a_long_statement_is_found_without_its_values_and_gone_when_cancelled(others):
    query(session := others(), "SET application_name = 'reports'")
    pid = send(session, "SELECT 'a secret', pg_sleep(3600) /* said 'O''Brien' */")
    wait_for(lambda: state(pid) == "Timeout active")
    (finding,) = look("S001", "S002", long_query=0, long_transaction=0).values()
    assert finding.id == "dbhealth.S001"
    assert finding.object == f"session {pid}"
    assert finding.level is Level.WARNING
    assert finding.unit == "seconds"
    assert "(reports)" in finding.title
    assert "SELECT ?, pg_sleep(?)" in finding.title
    assert "secret" not in finding.title
    assert look("S001", "S002", long_query=60, long_transaction=60) == {}
    mend(finding)
    wait_for(lambda: not look("S001", long_query=0))


def test_a_statement_of_dbhealth_itself_is_left_out(others):
    pid = send(others(), "SELECT /* dbhealth */ pg_sleep(3600)")
    wait_for(lambda: state(pid) == "Timeout active")
    assert look("S001", long_query=0) == {}


def test_a_dump_that_runs_long_is_no_warning(others):
    query(session := others(), "SET application_name = 'pg_dump'")
    pid = send(session, "SELECT pg_sleep(3600)")
    wait_for(lambda: state(pid) == "Timeout active")
    assert look("S001", long_query=0)[f"session {pid}"].level is Level.INFO


def test_an_old_transaction_of_several_statements_is_found_until_it_ends(others):
    query(session := others(), "BEGIN", "SELECT pg_sleep(0.1)")
    pid = send(session, "SELECT pg_sleep(3600)")
    wait_for(lambda: state(pid) == "Timeout active")
    found = look("S002", long_transaction=0.05)
    assert found[f"session {pid}"].value > 0.1
    mend(found[f"session {pid}"])
    wait_for(lambda: not look("S002", long_transaction=0.05))


def test_a_session_that_idles_in_a_transaction_is_found_until_it_ends(others):
    session = others()
    query(session, "BEGIN", "SELECT 42")
    (finding,) = look("S002", "S003", idle_in_transaction=0, long_transaction=0).values()
    assert finding.id == "dbhealth.S003"
    assert finding.object == f"session {pid_of(session)}"
    assert "SELECT ?" in finding.title
    assert look("S002", "S003") == {}
    mend(finding)
    wait_for(lambda: not look("S003", idle_in_transaction=0))


def test_the_first_of_a_queue_is_found_and_not_those_between(others, tables):
    tables("CREATE TABLE health_queue (id integer PRIMARY KEY)")
    first, second, third = others(), others(), others()
    query(first, "BEGIN", "LOCK TABLE health_queue IN ACCESS SHARE MODE")
    between = send(second, "BEGIN; LOCK TABLE health_queue")
    wait_for(lambda: state(between) == "Lock active")
    last = send(third, "SELECT * FROM health_queue")
    wait_for(lambda: state(last) == "Lock active")
    (finding,) = look("S005", blocked=0).values()
    assert finding.object == f"session {pid_of(first)}"
    assert finding.level is Level.ERROR
    assert "2 sessions waiting" in finding.title
    assert "(table health_queue)" in finding.title
    assert "idle in transaction after: LOCK TABLE health_queue" in finding.title
    assert finding.reasons == (f"Waiting: session {min(between, last)}, session "
                               f"{max(between, last)}.",)  # fmt: skip
    mend(finding)
    wait_for(lambda: finding.object not in look("S005", blocked=0))


def test_a_queue_that_is_as_short_as_it_may_be_is_no_finding(others, tables):
    tables("CREATE TABLE health_queue (id integer PRIMARY KEY)")
    query(others(), "BEGIN", "LOCK TABLE health_queue")
    pid = send(others(), "SELECT * FROM health_queue")
    wait_for(lambda: state(pid) == "Lock active")
    assert look("S005") == {}


def test_connections_are_held_against_the_limit_of_the_database(others):
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    (used,) = execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")[0]
    execute(f"ALTER DATABASE {name} CONNECTION LIMIT {used * 10}")
    try:
        assert look("S006") == {}
        execute(f"ALTER DATABASE {name} CONNECTION LIMIT {used + 1}")
        session = others()
        found = look("S006")
        assert list(found) == ["database"]
        assert found["database"].level is Level.ERROR
        assert found["database"].value == 1
        assert f"{used + 1} of {used + 1} connections" in found["database"].title
        execute(f"SELECT pg_terminate_backend({pid_of(session)}, 5000)")
        wait_for(lambda: not look("S006", connections_share=1))
    finally:
        execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


@pytest.mark.django_db
def test_the_limit_of_the_server_is_without_what_it_keeps_for_superusers():
    limits = get_backend("default").server.limits()
    assert (limits.server, limits.reserved) == (100, 3)
    (finding,) = look("S006", connections_share=0.001).values()
    assert finding.object == ""
    assert "of 97 connections that the server allows" in finding.title
