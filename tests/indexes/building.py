"""What the tests of init_indexes share: one table with indexes of all sorts, and how they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from django.db import connection

from dbhealth.indexes.build import init_indexes
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.progress import Silent
from dbhealth.runs.stopping import StopRequest
from tests.indexapp.models import Book, Shelf
from tests.moveapp.tools import query

TABLE = "indexapp_book"


class Listener(Silent):
    """Keeps what it hears, and calls back at each beginning."""

    def __init__(self, at_start=lambda number: None) -> None:
        self.started: list[str] = []
        self.notes: list[str] = []
        self._at_start = at_start

    def start(self, title, expected, unit="rows") -> None:
        self.started.append(title)
        self._at_start(len(self.started))

    def note(self, text) -> None:
        self.notes.append(text)


def init(*, listener=None, stop=None, tables=(TABLE,), **more):
    """Run init_indexes on the table and return what became of the database."""
    around = Circumstances(progress=listener or Listener(), stop=stop or StopRequest())
    done = init_indexes("default", tables=tables, circumstances=around, **more)
    return done["databases"]["default"]


def names(table=TABLE):
    """Return the names of the table's indexes that queries can use."""
    if connection.vendor == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = %s"
    else:
        sql = "SELECT indexrelid::regclass::text FROM pg_index "
        sql += "WHERE indrelid = %s::regclass AND indisvalid"
    return {row[0] for row in query(sql, table)}


class Build(NamedTuple):
    """A build that some session is at work on."""

    table: str
    index: str
    pid: int
    phase: str
    waits_for: list[int]


def builds() -> list[Build]:
    """Return what PostgreSQL tells of builds."""
    sql = "SELECT relid::regclass::text, index_relid::regclass::text, pid, phase, "
    sql += "pg_blocking_pids(pid) FROM pg_stat_progress_create_index "
    sql += "WHERE datname = current_database()"
    return [Build(*row) for row in query(sql)]


def drop(*indexes):
    for name in indexes:
        query(f'DROP INDEX "{name}"')


def deeds(result):
    return [(step["deed"], step["index"], step["state"]) for step in result["steps"]]


def last_run():
    return MaintenanceRun.objects.filter(operation="init_indexes").latest("pk")


def add_books(count, *, place=None):
    """Add lent books, each on a shelf of its own; with ``place`` all of them in the same."""
    shelves = [Shelf(code=str(number)) for number in range(count)]
    Shelf.objects.bulk_create(shelves)
    Book.objects.bulk_create(
        Book(
            isbn=str(number),
            title=f"{number:05}",
            state="lent",
            year=2000,
            place=number if place is None else place,
            shelf=shelf,
        )
        for number, shelf in enumerate(shelves)
    )


@pytest.fixture
def whole(transactional_db) -> Iterator[set[str]]:
    """Return the indexes of the table as migrate has made them; they are back afterwards."""
    before = names()
    yield before
    Book.objects.all().delete()
    connection.close()
    if connection.vendor == "postgresql":
        sql = "SELECT indexrelid::regclass::text FROM pg_index "
        for (name,) in query(sql + "WHERE indrelid = %s::regclass AND NOT indisvalid", TABLE):
            query(f"DROP INDEX {name}")
    drop(*(names() - before))
    init()
    assert names() == before


@contextmanager
def old_transaction(*statements):
    """Hold a transaction open in another session; yields that session's connection."""
    other = connection.copy()
    with other.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET application_name = 'the old one'")
        cursor.execute("BEGIN" if connection.vendor == "postgresql" else "BEGIN IMMEDIATE")
        for sql in statements:
            cursor.execute(sql)
    try:
        yield other
    finally:
        other.close()
