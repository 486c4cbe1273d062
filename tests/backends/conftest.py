"""The backend of the default alias, a second session beside it, and tables made by hand."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends import Backend, get_backend


@pytest.fixture
def backend() -> Backend:
    return get_backend("default")


@pytest.fixture
def run() -> Callable[..., list[tuple]]:
    """Return a function that runs SQL on the default connection and gives back its rows."""

    def execute(*statements: str) -> list[tuple]:
        with connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    return execute


def sessions(count: int) -> Iterator[list[BaseDatabaseWrapper]]:
    """Open further sessions on the default database; close them at the end, which rolls back."""
    opened = [connections["default"].copy() for _ in range(count)]
    try:
        yield opened
    finally:
        for session in opened:
            session.close()


@pytest.fixture
def second(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """Return another session on the default database, with committed tables in sight."""
    for (session,) in sessions(1):
        yield session


@pytest.fixture
def third(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """Return one more session."""
    for (session,) in sessions(1):
        yield session


@pytest.fixture
def committed(transactional_db: None) -> Iterator[Callable[[str, str], None]]:
    """Return a function that makes a table outside of any transaction; dropped at the end."""
    made: list[str] = []

    def create(table: str, definition: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {table} {definition}")
        made.append(table)

    yield create
    with connection.cursor() as cursor:
        for table in reversed(made):
            cursor.execute(f"DROP TABLE {table}")
