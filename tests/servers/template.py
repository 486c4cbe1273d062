"""Migrates one test database a run; the others, of all aliases and workers, are copies of it.

Migrating takes seconds of Python for each, copying a tenth of one.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.backends.base.creation import BaseDatabaseCreation

NAME = "dbhealth_template"

_migrated = BaseDatabaseCreation.create_test_db


@contextmanager
def copied_databases(directory: Path) -> Iterator[None]:
    """Let Django make its test databases by copying, within the block."""

    def create_test_db(self: Any, *args: Any, **kwargs: Any) -> str:
        with _one_at_a_time(directory):
            ready = directory / NAME
            if ready.exists():
                return _copy(self, directory)
            name = _migrated(self, *args, **kwargs)
            self.connection.close()
            _clone(self, name, _template(self, directory))
            ready.touch()
            self.connection.ensure_connection()
            return name

    BaseDatabaseCreation.create_test_db = create_test_db  # type: ignore[method-assign]
    try:
        yield
    finally:
        BaseDatabaseCreation.create_test_db = _migrated  # type: ignore[method-assign]


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    with (directory / f"{NAME}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy(creation: Any, directory: Path) -> str:
    """Make the test database of one alias of one worker, as create_test_db leaves it."""
    connection, name = creation.connection, creation._get_test_db_name()
    connection.close()
    _clone(creation, _template(creation, directory), name)
    settings.DATABASES[connection.alias]["NAME"] = name
    connection.settings_dict["NAME"] = name
    connection.ensure_connection()
    return str(name)


def _template(creation: Any, directory: Path) -> str:
    is_file = creation.connection.vendor == "sqlite"
    return str(directory / f"{NAME}.sqlite3") if is_file else NAME


def _clone(creation: Any, source: str, target: str) -> None:
    if creation.connection.vendor == "sqlite":
        shutil.copyfile(source, target)
        return
    with creation._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{target}"')
        cursor.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
