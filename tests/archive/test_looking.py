"""A lock that is in the way while a verb only looks, before its run begins, costs it a wait."""

import pytest
from django.db import OperationalError, connection
from django.test import override_settings

from dbhealth.archive import restore
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.purging import add_archived, keep_some, purging
from tests.moveapp.tools import (
    add_events,
    archive,
    interrupted_run,
    keep_one,
    query,
    second_session,
)

pytestmark = pytest.mark.django_db(transaction=True)

IMPATIENT = {"LOCK_TIMEOUT": 0.05, "BATCH_RETRIES": 2}


@pytest.fixture
def other():
    add_archived(range(101, 105), run=77)
    keep_some()
    add_events(range(1, 5))
    keep_one()
    if connection.vendor == "sqlite":
        query("PRAGMA busy_timeout = 50")
    with second_session() as session, override_settings(DBHEALTH=IMPATIENT):
        session.ensure_connection()
        session.set_autocommit(False)
        yield session


def keep_out(session):
    """Leave a transaction open that keeps everybody from reading the tables."""
    with session.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN EXCLUSIVE")
        else:
            cursor.execute("LOCK TABLE move_event, move_event_archive IN ACCESS EXCLUSIVE MODE")


VERBS = {
    "archive": archive,
    "purge": purging,
    "restore": lambda: restore("move_event", run=77)["tables"]["move_event"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_lock_that_is_given_back_costs_a_look_and_not_the_run(verb, other):
    met = []

    def give_back(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            met.append(connection.in_atomic_block)
            other.rollback()
            raise

    keep_out(other)
    with connection.execute_wrapper(give_back):
        result = VERBS[verb]()
    assert (result["state"], result["rows"]) == ("succeeded", 4)
    assert len(met) == 1
    assert MaintenanceRun.objects.count() == 1


@pytest.mark.parametrize("verb", VERBS)
def test_a_lock_that_stays_fails_the_run_after_as_many_tries_as_a_batch_has(verb, other):
    tries = []

    def count(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            tries.append(sql)
            if len(tries) == 3:
                other.rollback()  # so that the failure can be recorded
            raise

    keep_out(other)
    with connection.execute_wrapper(count), pytest.raises(OperationalError):
        VERBS[verb]()
    assert len(tries) == 3
    run = MaintenanceRun.objects.get()
    assert (run.operation, run.state, run.rows_done) == (verb, "failed", 0)
    assert run.error.startswith("Lock timeout. ")
    assert "No row was touched." in run.error


def test_a_run_that_waits_to_be_carried_on_with_is_not_hidden_by_the_failure(other):
    waiting = interrupted_run()
    keep_out(other)

    def give_back(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            tries.append(sql)
            if len(tries) == 3:
                other.rollback()
            raise

    tries = []
    with connection.execute_wrapper(give_back), pytest.raises(OperationalError):
        archive()
    assert MaintenanceRun.objects.get().state == "interrupted"
    result = archive()
    assert (result["resumed"], result["run"]) == (True, waiting.pk)
