"""How much larger a table is than its rows need: estimated, or measured by pgstattuple.

The layout of pages and rows is that of src/include/storage/bufpage.h and access/htup_details.h.
https://www.postgresql.org/docs/current/pgstattuple.html
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from math import ceil
from typing import Any

from django.db import DatabaseError, transaction

from dbhealth.backends.condition import TableBloat, TableCondition
from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.postgresql import condition_sql as sql
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.statement import Lock, Statement
from dbhealth.backends.trouble import Trouble
from dbhealth.saying import say as _

ESTIMATE = _("an estimate from the widths of values in pg_stats and the estimated number of rows")
MEASURED = _("pgstattuple, which read the whole table")

_LOCK_TIMEOUT = 0.5
_PAGE_HEADER, _ROW_HEADER, _POINTER = 24, 23, 4
_UNIT = {"c": 1, "s": 2, "i": 4, "d": 8}
_SHORT = 126  # the longest value of variable length that begins anywhere


class PostgresTableBloat:
    """What tables waste."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def estimated_bloat(self, tables: Sequence[TableCondition]) -> tuple[TableBloat, ...]:
        """Return how much larger tables are than their rows need, in one statement."""
        asked = {table.oid: table for table in tables if table.rows is not None}
        if not asked:
            return ()
        names = [table.table.rpartition('"."')[2] for table in asked.values()]
        found = []
        for oid, size, page, lengths, units, nulls, widths in self._bloat(
            sql.COLUMNS, names, list(asked), seconds=None, lock=_LOCK_TIMEOUT
        ):
            if size is None or None in widths:
                continue
            row = _row_bytes(lengths, units, nulls, widths)
            expected = _table_bytes(asked[oid], row, page)
            found.append(
                TableBloat(
                    table=asked[oid].table,
                    bytes=size,
                    wasted_bytes=max(0, size - expected),
                    source=ESTIMATE,
                    exact=False,
                )
            )
        return tuple(found)

    def exact_bloat(
        self, tables: Sequence[TableCondition], *, seconds: float
    ) -> tuple[TableBloat, ...]:
        """Read tables with pgstattuple until ``seconds`` are over."""
        deadline = time.monotonic() + seconds
        readers = self._bloat(sql.READER)
        found: list[TableBloat] = []
        for table in tables if readers else ():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            if table.kind != "partitioned table":
                found += self._read(table, readers[0][0], left)
        return tuple(found)

    def _read(self, table: TableCondition, schema: str, seconds: float) -> list[TableBloat]:
        inside = self._executor.connection.in_atomic_block
        try:
            # Somebody's transaction must live on after an error.
            with transaction.atomic(using=self._executor.alias) if inside else nullcontext():
                text = sql.READ.format(schema=in_sql(schema))
                rows = self._bloat(text, table.oid, seconds=seconds, lock=_LOCK_TIMEOUT)
        except DatabaseError as error:
            # Locked, or dropped meanwhile, or too large for the time that is left.
            if PostgresErrors().trouble(error) is Trouble.DISCONNECTED:
                raise
            return []
        return [
            TableBloat(
                table=table.table,
                bytes=size,
                wasted_bytes=max(0, unused - size * (100 - _fillfactor(table)) // 100),
                source=MEASURED,
                exact=True,
            )
            for size, unused in rows
        ]

    def _bloat(
        self,
        text: str,
        *params: object,
        seconds: float | None = None,
        lock: float | None = None,
    ) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=text,
            params=params,
            purpose="Read how full tables are.",
            lock=Lock.ACCESS_SHARE,
            lock_timeout=lock,
            statement_timeout=seconds,
        )
        return self._executor.run(statement).rows


def _fillfactor(table: TableCondition) -> int:
    for option in table.options:
        name, _, value = option.partition("=")
        if name == "fillfactor":
            return int(value)
    return 100


def _row_bytes(
    lengths: Sequence[int], units: Sequence[str], nulls: Sequence[float], widths: Sequence[int]
) -> int:
    """Return what a row of average width takes in its page, with its line pointer."""
    header = _ROW_HEADER + (ceil(len(lengths) / 8) if any(nulls) else 0)
    width = 0.0
    for length, unit, null_share, average in zip(lengths, units, nulls, widths, strict=True):
        aligns = length > 0 or average > _SHORT
        width = _aligned(width, _UNIT[unit]) if aligns and null_share < 1 else width
        width += average * (1 - null_share)
    return _POINTER + int(_aligned(_aligned(header, 8) + width, 8))


def _aligned(size: float, unit: int) -> float:
    return ceil(size / unit) * unit


def _table_bytes(table: TableCondition, row: int, page: int) -> int:
    """Return the size of a table that holds its rows and nothing else."""
    in_a_page = max(1, int((page - _PAGE_HEADER) * _fillfactor(table) / 100 / row))
    return ceil((table.rows or 0) / in_a_page) * page
