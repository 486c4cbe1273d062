"""Checks that fail, wait, take long or want to write: the others are made, and nobody is hurt."""

import time
from dataclasses import replace

import pytest
from django.db import connection, connections
from django.test import override_settings

from dbhealth import health
from dbhealth.exceptions import OutOfTime
from dbhealth.health.report import run_checks
from tests.health.conftest import ask, found
from tests.servers.engine import postgres_major
from tests.shopapp.models import Parcel

BRIEF = override_settings(DBHEALTH={"HEALTH_CHECK_TIMEOUT": 0.2, "HEALTH_LOCK_TIMEOUT": 0.1})
on_postgresql = pytest.mark.skipif(postgres_major() is None, reason="Needs PostgreSQL.")

SLOW = (
    "SELECT pg_sleep(30)"
    if postgres_major()
    else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
    "SELECT count(*) FROM n"
)


def see(register, look, number="try.X001"):
    """Register a check, and one behind it that finds something."""
    register(number, title="The first")(look)
    register("try.X009", title="The last")(last)


def last(context):
    """Find something."""
    return [found(context, "table x")]


def asking(sql):
    """Return a check that asks the database and finds nothing."""

    def look(context):
        ask(sql)
        return []

    return look


def only_failure(report):
    """Return the finding about the first check; the last one has been made."""
    assert report.run == ("try.X009",)
    assert report.failed == ("try.X001",)
    (failure, _other) = sorted(report.findings, key=lambda finding: finding.id)
    assert failure.id in {"dbhealth.H001", "dbhealth.H002"}
    return failure


@pytest.mark.django_db
def test_a_check_that_crashes_is_a_finding_and_the_others_are_made(register, caplog):
    see(register, lambda context: [1 / 0])
    failure = only_failure(run_checks("default"))
    assert (failure.level, failure.object) == (health.Level.ERROR, "check try.X001")
    assert "ZeroDivisionError: division by zero" in failure.title
    assert "try.X001 failed" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.django_db
def test_wrong_sql_of_one_check_leaves_the_connection_to_the_next(register):
    see(register, asking("SELECT * FROM there_is_no_such_table"))
    see(register, asking("SELECT 1"), number="try.X002")
    report = run_checks("default")
    assert report.run == ("try.X002", "try.X009")
    assert "there_is_no_such_table" in report.findings[0].title


@pytest.mark.django_db
@BRIEF
def test_a_statement_that_takes_too_long_is_ended(register):
    see(register, asking(SLOW))
    began = time.monotonic()
    failure = only_failure(run_checks("default"))
    assert time.monotonic() - began < 5
    assert failure.level is health.Level.WARNING
    assert "HEALTH_CHECK_TIMEOUT" in failure.instead


@pytest.mark.django_db
@BRIEF
@pytest.mark.parametrize("where", ["inside", "behind"])
def test_a_look_within_a_look_takes_nothing_from_its_bounds(register, where):
    def look(context):
        with context.backend.executor.looking(lock=9, seconds=60):
            ask(SLOW if where == "inside" else "SELECT 1")
        ask(SLOW)

    see(register, look)
    began = time.monotonic()
    only_failure(run_checks("default"))
    assert time.monotonic() - began < 5


@pytest.mark.django_db
@BRIEF
def test_many_short_statements_have_no_more_time_than_a_long_one(register):
    def look(context):
        while ask("SELECT 1"):
            pass

    see(register, look)
    failure = only_failure(run_checks("default"))
    assert OutOfTime.__name__ in failure.title
    assert "HEALTH_CHECK_TIMEOUT" in failure.instead


@pytest.mark.django_db(transaction=True)
def test_no_check_can_write_and_afterwards_everybody_can(register):
    see(register, lambda context: [Parcel.objects.create(number="1", sent_at="2026-01-01T00:00Z")])
    failure = only_failure(run_checks("default"))
    assert "read-only" in failure.title or "readonly" in failure.title
    assert Parcel.objects.count() == 0
    Parcel.objects.create(number="1", sent_at="2026-01-01T00:00Z")
    assert Parcel.objects.count() == 1


@on_postgresql
@pytest.mark.django_db(transaction=True)
@BRIEF
def test_nothing_hangs_behind_somebody_who_changes_a_table(register):
    see(register, asking("SELECT count(*) FROM shop_parcels"))
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE shop_parcels IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            failure = only_failure(run_checks("default"))
            assert time.monotonic() - began < 3
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert "pg_blocking_pids" in failure.instead
    assert run_checks("default").failed == ()


@on_postgresql
@pytest.mark.django_db
def test_the_waits_of_a_transaction_that_is_open_already_are_as_they_were_before(register):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '7s'")
    seen = []
    see(register, lambda context: seen.append(ask("SHOW lock_timeout")) or [])
    run_checks("default")
    assert (seen, ask("SHOW lock_timeout")) == (["500ms"], "7s")
    see(register, lambda context: 1 / 0, number="try.X002")
    run_checks("default", ids=["try.X002"])
    assert ask("SHOW lock_timeout") == "7s"


@pytest.mark.django_db
def test_a_reading_may_wish_for_less_time_than_it_has_and_not_for_more(register):
    from dbhealth.backends.bounds import within
    from dbhealth.backends.statement import Lock, Statement

    wish = Statement(
        sql="SELECT 1", purpose="", lock=Lock.NONE, lock_timeout=0.1, statement_timeout=900
    )
    seen = []
    see(register, lambda context: seen.append(within("default", wish)) or [])
    run_checks("default")
    assert seen == [replace(wish, statement_timeout=None)]
    assert within("default", wish) == wish


@on_postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    "ask_for, grant",
    [
        ("SELECT count(*) FROM shop_parcels", 'GRANT SELECT ON "shop_parcels" TO "a_reader"'),
        ("SELECT pg_ls_waldir()", 'GRANT EXECUTE ON FUNCTION "pg_ls_waldir" TO "a_reader"'),
        ("SELECT count(*) FROM hidden.x", 'GRANT USAGE ON SCHEMA "hidden" TO "a_reader"'),
        ("SET log_statement = 'all'", 'GRANT pg_monitor TO "a_reader"'),
    ],
)
def test_a_right_that_is_missing_is_named_with_its_grant(register, ask_for, grant):
    """The grant mends it, where it is about an object of the database."""

    def look(context):
        with connection.cursor() as cursor:
            cursor.execute(ask_for)
        return []

    see(register, look)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA hidden")
        cursor.execute("CREATE TABLE hidden.x (i int)")
        cursor.execute("CREATE ROLE a_reader")
        cursor.execute("SET LOCAL ROLE a_reader")
    failure = only_failure(run_checks("default"))
    assert failure.id == "dbhealth.H002"
    assert failure.object == grant
    assert "a_reader" in failure.title
    assert "try.X001" in failure.title
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(failure.sql[0].rstrip(";"))
        if "hidden" in ask_for:
            cursor.execute("GRANT SELECT ON hidden.x TO a_reader")
        cursor.execute("SET LOCAL ROLE a_reader")
    assert ("try.X001" in run_checks("default").run) == ("log_statement" not in ask_for)


@pytest.mark.django_db
def test_a_check_that_sees_a_part_says_what_it_lacks_once_for_all_checks(register):
    def look(context):
        context.lacks('GRANT pg_monitor TO "x"', "the statements of others")
        context.leave_out(["b", "a"])
        return [found(context, "table x")]

    register("try.X001", title="One")(look)
    register("try.X002", title="Two")(look)
    report = run_checks("default")
    (right,) = [finding for finding in report.findings if finding.id == "dbhealth.H002"]
    assert right.sql == ('GRANT pg_monitor TO "x";',)
    assert right.title.count("the statements of others") == 1
    assert report.left_out == ("a", "b")
    assert report.partial == report.run == ("try.X001", "try.X002")


def test_a_database_that_nobody_can_reach_is_a_finding(register, tmp_path, django_db_blocker):
    register("try.X001", title="One")(lambda context: [])
    lost = {**connections.settings["default"], "HOST": "/nowhere", "PORT": "1"}
    connections.settings["lost"] = lost | {"NAME": str(tmp_path / "no" / "file")[-60:]}
    try:
        with django_db_blocker.unblock():
            report = run_checks("lost")
    finally:
        del connections.settings["lost"], connections["lost"]
    (finding,) = report.findings
    assert (finding.id, finding.level) == ("dbhealth.H001", health.Level.CRITICAL)
    assert "cannot be reached" in finding.title
    assert (report.run, report.complete) == ((), False)


@pytest.mark.django_db
def test_the_gravest_comes_first(register):
    things = ["table b", "table a", "table c!"]
    register("try.X001", title="One")(lambda context: [found(context, it) for it in things])
    assert [finding.object for finding in run_checks("default").findings] == [
        "table c",
        "table a",
        "table b",
    ]
