"""Brings the rows of the demo into the database: all of them, or after an error none."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.core.management.color import no_style
from django.db import connection, transaction

from .world import Row, Table

CHUNK = 5_000
# What the engine may keep in memory while the indexes of the large tables grow at random places.
SQLITE_CACHE_KIB = 262_144


def load(tables: Iterable[Table], advance: Callable[[Table, int], None]) -> None:
    """Insert the rows of all tables in one transaction, then collect the planner's statistics.

    Args:
        tables: what to load, parents before children.
        advance: called with a table and a number of rows whenever so many more are in.
    """
    with _room(), transaction.atomic():
        filled = []
        for table in tables:
            insert = _copy if connection.vendor == "postgresql" else _insert
            insert(table, _counted(table, advance))
            filled.append(table.model)
        # The rows came with their keys; the next key that the database makes follows them.
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), filled):
                cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _counted(table: Table, advance: Callable[[Table, int], None]) -> Iterator[list[Row]]:
    rows = iter(table.rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
        advance(table, len(chunk))


def _names(table: Table) -> tuple[str, str]:
    quote = connection.ops.quote_name
    return quote(table.name), ", ".join(quote(column) for column in table.columns)


def _copy(table: Table, chunks: Iterable[list[Row]]) -> None:
    name, columns = _names(table)
    with connection.cursor() as cursor, cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
        for chunk in chunks:
            for row in chunk:
                copy.write_row(row)


def _insert(table: Table, chunks: Iterable[list[Row]]) -> None:
    name, columns = _names(table)
    values = ", ".join(["%s"] * len(table.columns))
    with connection.cursor() as cursor:
        for chunk in chunks:
            # Both names come from the models of this project and are quoted by the engine.
            statement = f"INSERT INTO {name} ({columns}) VALUES ({values})"  # noqa: S608
            cursor.executemany(statement, chunk)


@contextmanager
def _room() -> Iterator[None]:
    """Give SQLite a large page cache for the time of the load; PostgreSQL has its own."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        before: Any = cursor.execute("PRAGMA cache_size").fetchone()[0]
        cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {int(before)}")
