"""What PostgreSQL makes of SQL for an index: it is made on an empty copy of the table, and undone.

Only the server knows how it will write an expression or a condition, and which operator class and
collation a key gets. The copy is a temporary table, in a transaction that is rolled back; of the
real table no more is taken than the lock of a reader.
https://www.postgresql.org/docs/current/sql-createtable.html (LIKE)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from django.db import Error, transaction

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import Shape, Sketch
from dbhealth.backends.names import in_sql, quoted
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.index_reading import LOCK_TIMEOUT, read
from dbhealth.backends.postgresql.index_sql import COPYABLE, SCRATCH, SCRATCH_INDEXES
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.backends.trouble import Trouble

_MOST_TIMEOUTS = 2

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_TABLE = rf"{_NAME}(?:\.{_NAME})?"
_INDEX = re.compile(
    rf"\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?:{_NAME}\s+)?ON\s+(?:ONLY\s+)?{_TABLE}",
    re.IGNORECASE,
)
_CONSTRAINT = re.compile(
    rf"\s*ALTER\s+TABLE\s+(?:ONLY\s+)?{_TABLE}\s+ADD\s+(?:CONSTRAINT\s+{_NAME})?", re.IGNORECASE
)


def made(executor: Executor, wanted: Sequence[Sketch]) -> tuple[Shape | None, ...]:
    """Return the shape of each sketch, None where the server does not make it."""
    by_table: defaultdict[str, list[int]] = defaultdict(list)
    for place, sketch in enumerate(wanted):
        by_table[sketch.table].append(place)
    sql = [quoted(table) for table in by_table]
    copyable = {row[0] for row in executor.run(_look(sql)).rows}
    tables = [table for table in by_table if quoted(table) in copyable]
    if not tables:
        return (None,) * len(wanted)
    with transaction.atomic(using=executor.alias):
        _make_all(executor, {table: by_table[table] for table in tables}, wanted)
        indexes, _ = read(executor, SCRATCH_INDEXES)
        transaction.set_rollback(True, using=executor.alias)
    shapes = {index.name: index.shape for index in indexes}
    return tuple(shapes.get(f"{SCRATCH}{place}") for place in range(len(wanted)))


def _look(tables: list[str]) -> Statement:
    return Statement(
        sql=COPYABLE, params=(tables,), purpose="See which tables can be read.", lock=Lock.NONE
    )


def _make_all(executor: Executor, places: dict[str, list[int]], wanted: Sequence[Sketch]) -> None:
    timeouts = 0
    for number, (table, of_table) in enumerate(places.items()):
        copy = f'pg_temp."{SCRATCH}table_{number}"'
        sketches = [
            sql for place in of_table if (sql := _moved(wanted[place].sql, copy, place)) is not None
        ]
        start = f"CREATE TEMPORARY TABLE {copy.partition('.')[2]} (LIKE {in_sql(table)})"
        trouble = _run(executor, [start, *sketches])
        if trouble is Trouble.LOCK_TIMEOUT:
            timeouts += 1
            if timeouts == _MOST_TIMEOUTS:
                return
        elif trouble is not None and _run(executor, [start]) is None:
            # The server refuses one of them: each by itself.
            for sql in sketches:
                _run(executor, [sql])


def _moved(sql: str, table: str, place: int) -> str | None:
    """Return the SQL with a name that tells ``place``, on the copy; None for any other SQL."""
    name = f'"{SCRATCH}{place}"'
    if (found := _INDEX.match(sql)) is not None:
        start = f"CREATE {found[1] or ''}INDEX {name} ON {table}"
    elif (found := _CONSTRAINT.match(sql)) is not None:
        start = f"ALTER TABLE {table} ADD CONSTRAINT {name}"
    else:
        return None
    return start + sql[found.end() :].replace("%", "%%")


def _run(executor: Executor, statements: list[str]) -> Trouble | None:
    """Run all or none; return what went wrong."""
    try:
        with transaction.atomic(using=executor.alias):
            executor.run_together([_statement(sql) for sql in statements])
    except Error as error:
        return PostgresErrors().trouble(error)
    return None


def _statement(sql: str) -> Statement:
    return Statement(
        sql=sql,
        purpose="See what the server makes of an index, on an empty copy of its table.",
        lock=Lock.ACCESS_SHARE,
        transaction=InTransaction.REQUIRED,
        lock_timeout=LOCK_TIMEOUT,
    )
