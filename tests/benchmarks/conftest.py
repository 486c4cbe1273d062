"""Databases for measurements: durable as a user's are, filled once and copied for each of them."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers import PostgresServer
from tests.servers.engine import postgres_major


@dataclass
class Workshop:
    """Makes, copies and measures databases; `server` is None on SQLite."""

    directory: Path
    server: PostgresServer | None

    def measure(self, name: str, what: str, rows: int) -> dict[str, Any]:
        """Run one measurement on the database `name` in a fresh process."""
        return self.ask(name, "child", what, str(rows))

    def ask(self, name: str, module: str, *arguments: str) -> dict[str, Any]:
        """Run one of the modules beside this one in a fresh process; return what it prints."""
        command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
        done = subprocess.run(command, env=self.environment(name), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    @contextmanager
    def load(
        self, name: str, stop: Path, *, seconds: float
    ) -> Iterator[Callable[[], dict[str, Any]]]:
        """Start the load in a process of its own; call what is given to wait for its result."""
        command = [sys.executable, "-m", "tests.benchmarks.load", str(stop), str(seconds)]
        process = subprocess.Popen(
            command, env=self.environment(name), stdout=subprocess.PIPE, text=True
        )

        def result() -> dict[str, Any]:
            said, _ = process.communicate()
            assert process.returncode == 0
            found: dict[str, Any] = json.loads(said)
            return found

        try:
            yield result
        finally:
            process.kill()
            process.wait()

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a child process that works on the database `name`."""
        place = name if self.server else str(self.directory / f"{name}.sqlite3")
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DBHEALTH_TEST_NAMES": json.dumps({"default": place, "other": place}),
            "DBHEALTH_TEST_HOST": self.server.host if self.server else "",
        }

    def fill(self, name: str, rows: int) -> None:
        """Make a database with a table from which `rows` rows may leave."""
        self.create(name)
        self.measure(name, "fill", rows)

    def create(self, name: str) -> None:
        """Make an empty database."""
        self._admin(f'CREATE DATABASE "{name}"')

    def copy(self, name: str, copy: str) -> None:
        """Copy a database, so that every measurement begins with the very same pages."""
        if self.server is None:
            # Page by page, as a database is written in life. A file that was copied in one go is
            # cached by Linux in large folios, and each page that changes then writes one of them.
            source, target = (sqlite3.connect(self._file(each)) for each in (name, copy))
            with closing(source), closing(target):
                source.backup(target)
            os.sync()
            return
        self._admin(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
        # Else the checkpoint of the copy would fall into the measurement.
        self._admin("CHECKPOINT")

    def set_journal(self, name: str, mode: str) -> None:
        """Put a file of SQLite into a journal mode."""
        with closing(sqlite3.connect(self._file(name))) as connection:
            assert connection.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)

    def drop(self, name: str) -> None:
        """Remove a database."""
        if self.server is None:
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(f"{self._file(name)}{suffix}").unlink(missing_ok=True)
            return
        self._admin(f'DROP DATABASE "{name}"')

    def _file(self, name: str) -> Path:
        return self.directory / f"{name}.sqlite3"

    def _admin(self, sql: str) -> None:
        if self.server is not None:
            with psycopg.connect(self.server.dsn, autocommit=True) as connection:
                connection.execute(sql)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Yield a workshop on the run's engine."""
    directory = tmp_path_factory.mktemp("benchmark")
    major = postgres_major()
    if major is None:
        yield Workshop(directory, None)
        return
    with PostgresServer(major, durable=True, settings={"max_wal_size": "4GB"}) as server:
        yield Workshop(directory, server)
