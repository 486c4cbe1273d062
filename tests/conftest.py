"""Fixtures for every test. The engine itself is brought up by tests/servers/plugin.py."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase

from tests.flush import empty_tables_with_rows
from tests.servers import PostgresServer
from tests.servers.engine import postgres_major
from tests.servers.plugin import DIRECTORY
from tests.servers.template import copied_databases

if TYPE_CHECKING:
    from tests.moveapp.lives import Lives


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Let transactional tests clean up only what they have filled."""
    before = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = empty_tables_with_rows
    yield
    TransactionTestCase._fixture_teardown = before


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Migrate once a run, and copy."""
    with copied_databases(Path(os.environ[DIRECTORY])):
        yield


@pytest.fixture(scope="session")
def process_environment() -> Callable[[], dict[str, str]]:
    """Return a function that makes the environment for a child process of a test.

    The child's settings then point at the very databases that the test uses. Such a test
    needs `django_db(transaction=True)`: a child sees committed rows only.
    """

    def build() -> dict[str, str]:
        names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": str(settings.SETTINGS_MODULE),
            "DBHEALTH_TEST_NAMES": json.dumps(names),
        }

    return build


@pytest.fixture(scope="session")
def fork_server(process_environment, django_db_setup) -> Iterator["Lives"]:
    """Hold a process ready that has imported everything and is forked by tests."""
    from tests.moveapp.lives import Lives  # needs Django's models, which conftest comes before

    server = Lives(process_environment())
    yield server
    server.close()


@pytest.fixture
def lives(fork_server) -> Iterator["Lives"]:
    """Start children that run `manage.py archive`; none of them outlives the test."""
    yield fork_server
    fork_server.clear()


@pytest.fixture(scope="module")
def durable_server() -> Iterator[PostgresServer]:
    """Start a server of the run's version with real durability, for a module's tests alone."""
    major = postgres_major()
    if major is None:
        pytest.skip("Needs PostgreSQL; this run is on SQLite.")
    with PostgresServer(major, durable=True) as server:
        yield server


@pytest.fixture(params=["delete", "wal"])
def journal_mode(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put SQLite into each journal mode; PostgreSQL needs one round only."""
    if connection.vendor != "sqlite":
        if request.param == "wal":
            pytest.skip("A journal mode is a thing of SQLite.")
        yield
        return
    set_journal_mode(request.param)
    yield
    set_journal_mode("delete")


def set_journal_mode(mode: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA journal_mode = {mode}")
        assert cursor.fetchone() == (mode,)
