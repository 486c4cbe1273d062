"""SQLite with transaction_mode IMMEDIATE waits at BEGIN: for as long as dbhealth says."""

import time

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.test import override_settings

from dbhealth.backends import get_backend
from tests.moveapp.tools import add_events, in_archive, keep_one, query, second_session
from tests.runs.making import dead
from tests.testapp.raw import execute

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]

PROJECTS_OWN = 20_000
"""As the example project's OPTIONS have it: longer than any test here may take (ms)."""


@pytest.fixture
def rows():
    """Put rows into a table that may leave it, and one that stays."""
    add_events(range(1, 5))
    keep_one()


@pytest.fixture
def immediate():
    """Let every transaction begin with the write lock, as OPTIONS["transaction_mode"] would."""
    [(before,)] = query("PRAGMA busy_timeout")
    connection.transaction_mode = "IMMEDIATE"
    execute(f"PRAGMA busy_timeout = {PROJECTS_OWN}")
    yield
    connection.transaction_mode = None
    execute(f"PRAGMA busy_timeout = {before}")


@pytest.fixture
def left():
    """Have a run whose process is gone."""
    return dead("running")


@pytest.fixture
def writer():
    """Hold the write lock of the file in another session."""
    with second_session() as session:
        session.set_autocommit(False)
        with session.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
        yield session
        session.rollback()


VERBS = [
    ("archive", "--table", "move_event"),
    ("init_indexes", "--table", "indexapp_book", "--vacuum"),
    ("vacuum", "--analyze-only"),
    ("index_usage", "--snapshot"),
    ("db_stats", "--snapshot"),
]


@pytest.mark.parametrize("command", VERBS, ids=lambda command: command[0])
@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.05, "BATCH_RETRIES": 1, "INDEX_RETRIES": 0})
def test_a_verb_gives_up_long_before_the_project_would(rows, immediate, writer, command):
    began = time.monotonic()
    with pytest.raises((CommandError, SystemExit)):
        call_command(*command, "--database", "default")
    assert time.monotonic() - began < PROJECTS_OWN / 1000 / 4
    assert query("PRAGMA busy_timeout") == [(PROJECTS_OWN,)]
    assert in_archive() == []


def test_the_wait_of_a_transaction_is_the_projects_again_after_it(immediate, writer):
    executor = get_backend("default").executor
    began = time.monotonic()
    with pytest.raises(OperationalError, match="locked"), executor.atomic(lock=0.05):
        pytest.fail("Nobody else may write.")
    assert time.monotonic() - began < 2
    writer.rollback()
    with executor.atomic(lock=0.05):
        assert query("PRAGMA busy_timeout") == [(50,)]
    assert query("PRAGMA busy_timeout") == [(PROJECTS_OWN,)]


def test_inside_a_transaction_that_is_open_it_is_a_savepoint(immediate):
    executor = get_backend("default").executor
    with transaction.atomic(), executor.atomic(lock=0.05):
        assert query("PRAGMA busy_timeout") == [(PROJECTS_OWN,)]
    inner = executor.atomic(lock=0.05, durable=True)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic(), inner:
        pytest.fail("What is durable commits by itself.")


@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.05, "BATCH_RETRIES": 1})
def test_a_lock_is_not_put_down_to_a_run_whose_process_is_gone(rows, left, writer, capsys):
    with pytest.raises((CommandError, SystemExit)):
        call_command("archive", "--table", "move_event", "--database", "default")
    said = " ".join(capsys.readouterr().out.split())
    assert "database is locked" in said
    assert "belongs to process" not in said, "nobody is there who could end"
    writer.rollback()
    call_command("archive", "--table", "move_event", "--database", "default")
    assert in_archive() == [1, 2, 3, 4]
