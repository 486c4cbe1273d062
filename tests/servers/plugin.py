"""The pytest plugin that brings the chosen engine up before the tests and down after them.

It is named in pyproject.toml (`-p`), not in conftest.py, because Django's settings are read before
any conftest, and they need to know where the databases are. Under pytest-xdist only the controller
starts a server; the workers inherit its address in the environment.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.servers import watchdog
from tests.servers.binaries import EngineMissing
from tests.servers.engine import chosen_engine, postgres_major
from tests.servers.postgres import CALM_SETTINGS, PostgresServer

DIRECTORY = "DBHEALTH_TEST_DIRECTORY"
HOST = "DBHEALTH_TEST_HOST"
MISSING = "DBHEALTH_TEST_MISSING"

BROWSER = ("tests/browser/",)

THOROUGH = (
    "tests/admin/test_archive_rows.py",
    "tests/admin/test_languages.py",
    "tests/admin/test_permissions.py",
    "tests/architecture/",
    "tests/archive/test_concurrency.py",
    "tests/archive/test_family_concurrency.py",
    "tests/archive/test_faults_server.py",
    "tests/archive/test_family_storm.py",
    "tests/archive/test_mirror_project.py",
    "tests/archive/test_move_locks.py",
    "tests/archive/test_move_time.py",
    "tests/archive/test_properties.py",
    "tests/commands/test_archive_results.py",
    "tests/commands/test_maintenance_runs.py",
    "tests/commands/test_terminal.py",
    "tests/commands/test_vacuum_terminal.py",
    "tests/crash/",
    "tests/example/",
    "tests/foreign/",
    "tests/restore/test_back.py",
    "tests/servers/",
)
"""Long, or about the tree. tox has environments of their own for these, and for the browser."""

DEPTH = "DBHEALTH_TEST_DEPTH"
"""Which part of the suite to run, "quick", "long" or "browser", where nobody names tests."""


class Run:
    """What one test run owns: a directory for SQLite files and, on PostgreSQL, a server."""

    def __init__(self) -> None:
        """Create the directory and announce it to child processes."""
        directory = tempfile.mkdtemp(prefix="dbhealth-tests-")
        self.watchdog: subprocess.Popen[bytes] = watchdog.watch(Path(directory))
        self.server: PostgresServer | None = None
        os.environ[DIRECTORY] = directory

    def start_server(self, major: int) -> None:
        """Start the server and announce its address to child processes."""
        self.server = PostgresServer(major, settings=CALM_SETTINGS)
        os.environ[HOST] = self.server.start().host

    def close(self) -> None:
        """Stop the server, remove the files, withdraw the announcements."""
        if self.server is not None:
            self.server.close()
        watchdog.release(self.watchdog)
        for name in (DIRECTORY, HOST, MISSING):
            os.environ.pop(name, None)


@pytest.hookimpl(tryfirst=True)  # xdist has an answer of its own
def pytest_xdist_auto_num_workers() -> int:
    """Return two workers for each core: half of the tests' time is waiting for others."""
    return (os.cpu_count() or 1) * 2


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Bring the engine up, before pytest-django reads the settings."""
    # Set already: this is a worker, or a pytest that a test has started.
    if DIRECTORY in os.environ:
        return
    run = Run()
    early_config.add_cleanup(run.close)
    options = early_config.known_args_namespace
    if options.file_or_dir:
        os.environ.pop(DEPTH, None)
    major = postgres_major()
    if major is None or options.help or options.version or options.collectonly:
        return
    try:
        run.start_server(major)
    except EngineMissing as missing:
        _report_missing(str(missing))


def pytest_report_header() -> str:
    """Say on which engine the tests run."""
    return f"engine: {chosen_engine()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what the engine cannot run: everything when it is missing, else by marker."""
    _deselect(config, items)
    missing = os.environ.get(MISSING)
    on_sqlite = postgres_major() is None
    for item in items:
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))
        elif on_sqlite and item.get_closest_marker("postgresql"):
            item.add_marker(pytest.mark.skip(reason="Needs PostgreSQL; this run is on SQLite."))
        elif not on_sqlite and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason="Needs SQLite; this run is on PostgreSQL."))


def _part(name: str) -> str:
    """Return the part of the suite that a test belongs to."""
    if name.startswith(BROWSER):
        return "browser"
    return "long" if name.startswith(THOROUGH) else "quick"


def _deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the parts of the suite that are not wanted."""
    depth = os.environ.get(DEPTH)
    if not depth:
        return
    wanted = {item for item in items if _part(item.nodeid) == depth}
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = [item for item in items if item in wanted]


def _report_missing(reason: str) -> None:
    """Skip the run on a developer's machine, fail it on CI."""
    if os.environ.get("CI", "").lower() == "true":
        raise pytest.UsageError(f"{reason} On CI every engine must be there.")
    os.environ[MISSING] = f"{reason} Install it, or choose another DBHEALTH_TEST_ENGINE."
