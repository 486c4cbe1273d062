"""Brings the rows of the demo into the database: all of them, or after an error none."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from django.core.management.color import no_style
from django.db import connection, transaction

from .world import Row, Table

CHUNK = 5_000
# What the engines may use while they sort a million keys for an index.
SQLITE_CACHE = "PRAGMA cache_size = -262144"
POSTGRESQL_MEMORY = "SET LOCAL maintenance_work_mem = '256MB'"

Advance = Callable[[Table, int], None]


def load(tables: Iterable[Table], advance: Advance) -> None:
    """Insert the rows of all tables in one transaction, then collect the planner's statistics.

    Args:
        tables: what to load, parents before children.
        advance: called with a table and a number of rows whenever so many more are in.
    """
    with _memory(), transaction.atomic():
        if connection.vendor == "postgresql":
            _execute(POSTGRESQL_MEMORY)
        filled = []
        for table in tables:
            advance(table, 0)
            with _keys_later(table):
                _fill(table, advance)
            filled.append(table.model)
        # The rows came with their keys; the next key that the database makes follows them.
        for statement in connection.ops.sequence_reset_sql(no_style(), filled):
            _execute(statement)
    _execute("ANALYZE")


def _fill(table: Table, advance: Advance) -> None:
    insert = _copy if connection.vendor == "postgresql" else _insert
    insert(table, _counted(table, advance))


def _counted(table: Table, advance: Advance) -> Iterator[list[Row]]:
    rows = iter(table.rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
        advance(table, len(chunk))


def _names(table: Table) -> tuple[str, str]:
    quote = connection.ops.quote_name
    return quote(table.name), ", ".join(quote(column) for column in table.columns)


def _copy(table: Table, chunks: Iterable[list[Row]]) -> None:
    # psycopg is not there where only SQLite is used.
    from psycopg.copy import QueuedLibpqWriter

    name, columns = _names(table)
    with connection.cursor() as cursor:
        raw = cursor.cursor
        # The queue's thread sends while this one makes the next rows: neither waits for the other.
        writer = QueuedLibpqWriter(raw)
        with raw.copy(f"COPY {name} ({columns}) FROM STDIN", writer=writer) as copy:
            for chunk in chunks:
                for row in chunk:
                    copy.write_row(row)


def _insert(table: Table, chunks: Iterable[list[Row]]) -> None:
    name, columns = _names(table)
    values = ", ".join(["%s"] * len(table.columns))
    # Both names come from the models of this project and are quoted by the engine.
    statement = f"INSERT INTO {name} ({columns}) VALUES ({values})"  # noqa: S608
    with connection.cursor() as cursor:
        for chunk in chunks:
            cursor.executemany(statement, chunk)


@contextmanager
def _keys_later(table: Table) -> Iterator[None]:
    """Take the indexes and foreign keys of a table away and put the same ones back in the end.

    To sort a million keys once is far less work than to find the place of each of them in turn,
    and to join with the users once far less than to look up the user of each row.
    """
    # Not entered: on SQLite that is for rebuilding tables and refuses to work in a transaction.
    editor = connection.schema_editor()
    foreign_keys = _foreign_keys(table)
    for name, _ in foreign_keys:
        editor.execute(editor.sql_delete_fk % {"table": _names(table)[0], "name": name})
    for index in table.model._meta.indexes:
        editor.execute(editor.sql_delete_index % {"name": connection.ops.quote_name(index.name)})
    yield
    for index in table.model._meta.indexes:
        editor.add_index(table.model, index)
    for name, definition in foreign_keys:
        editor.execute(f"ALTER TABLE {_names(table)[0]} ADD CONSTRAINT {name} {definition}")


def _foreign_keys(table: Table) -> list[tuple[str, str]]:
    """Return name and definition of each foreign key; SQLite cannot change them, nor needs to."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype = 'f'",
            [_names(table)[0]],
        )
        return cursor.fetchall()


@contextmanager
def _memory() -> Iterator[None]:
    """Give SQLite more of it for the time of the load; PostgreSQL forgets by itself."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        before = int(cursor.execute("PRAGMA cache_size").fetchone()[0])
    _execute(SQLITE_CACHE)
    try:
        yield
    finally:
        _execute(f"PRAGMA cache_size = {before}")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
