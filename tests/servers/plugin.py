"""The pytest plugin that brings the chosen engine up before the tests and down after them.

It is named in pyproject.toml (`-p`), not in conftest.py, because Django's settings are read before
any conftest, and they need to know where the databases are. Under pytest-xdist only the controller
starts a server; the workers inherit its address in the environment.
"""

import os
import shutil
import tempfile

import pytest

from tests.servers.binaries import EngineMissing
from tests.servers.engine import chosen_engine, postgres_major
from tests.servers.postgres import PostgresServer

DIRECTORY = "DBHEALTH_TEST_DIRECTORY"
HOST = "DBHEALTH_TEST_HOST"
MISSING = "DBHEALTH_TEST_MISSING"

_owned = pytest.StashKey[list[PostgresServer]]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Bring the engine up, before pytest-django reads the settings."""
    # Set already: this is a worker, or a pytest that a test has started.
    if DIRECTORY in os.environ:
        return
    early_config.stash[_owned] = []
    os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="dbhealth-tests-")
    early_config.add_cleanup(lambda: _tear_down(early_config))
    options = early_config.known_args_namespace
    major = postgres_major()
    if major is None or options.help or options.version or options.collectonly:
        return
    try:
        server = PostgresServer(major)
    except EngineMissing as missing:
        _report_missing(str(missing))
        return
    early_config.stash[_owned].append(server)
    os.environ[HOST] = server.start().host


def pytest_report_header() -> str:
    """Say on which engine the tests run."""
    return f"engine: {chosen_engine()}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the engine cannot run: everything when it is missing, else by marker."""
    missing = os.environ.get(MISSING)
    on_sqlite = postgres_major() is None
    for item in items:
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))
        elif on_sqlite and item.get_closest_marker("postgresql"):
            item.add_marker(pytest.mark.skip(reason="Needs PostgreSQL; this run is on SQLite."))
        elif not on_sqlite and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason="Needs SQLite; this run is on PostgreSQL."))


def _report_missing(reason: str) -> None:
    """Skip the run on a developer's machine, fail it on CI."""
    if os.environ.get("CI", "").lower() == "true":
        raise pytest.UsageError(f"{reason} On CI every engine must be there.")
    os.environ[MISSING] = f"{reason} Install it, or choose another DBHEALTH_TEST_ENGINE."


def _tear_down(config: pytest.Config) -> None:
    """Stop the server and remove the run's files."""
    for server in config.stash[_owned]:
        server.close()
    os.environ.pop(HOST, None)
    os.environ.pop(MISSING, None)
    shutil.rmtree(os.environ.pop(DIRECTORY), ignore_errors=True)
