"""A database of the chosen engine for the example project, and a way to run its manage.py.

The example has settings of its own, and one process has room for one settings module only.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.servers.engine import postgres_major

ROOT = Path(__file__).resolve().parents[2]
ROWS = 2_000


@dataclass(frozen=True)
class Project:
    """The example project on one database."""

    url: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the example's environment, whatever comes of it."""
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
            "DATABASE_URL": self.url,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py, whatever comes of it."""
        return self.run("manage.py", *arguments)

    def ask(self, code: str) -> Any:
        """Run `code` in a process of the example and return what it puts into `answer`."""
        done = self.run(
            "-c", f"import django, json\ndjango.setup()\n{code}\nprint(json.dumps(answer))"
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Project]]:
    """Return a function that makes an empty database and the example project on it."""
    names: list[str] = []

    def on_sqlite() -> Project:
        return Project(f"sqlite:///{tmp_path_factory.mktemp('example') / 'example.sqlite3'}")

    def on_postgresql() -> Project:
        names.append(f"example_{uuid4().hex[:12]}")
        _on_server(f'CREATE DATABASE "{names[-1]}"')
        host = quote(os.environ["DBHEALTH_TEST_HOST"], safe="")
        return Project(f"postgres://postgres@/{names[-1]}?host={host}")

    yield on_sqlite if postgres_major() is None else on_postgresql
    for name in names:
        _on_server(f'DROP DATABASE "{name}"')


@pytest.fixture(scope="session")
def demo(new_project: Callable[[], Project]) -> Project:
    """The example project after `manage.py demo`. Tests must leave its rows as they are."""
    project = new_project()
    done = project.manage("demo", "--rows", str(ROWS))
    assert done.returncode == 0, done.stderr
    return project


def _on_server(statement: str) -> None:
    import psycopg

    host = os.environ["DBHEALTH_TEST_HOST"]
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as server:
        server.execute(statement)
