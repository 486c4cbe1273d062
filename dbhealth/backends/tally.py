"""Counters in a table, to which many processes add at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.statement import InTransaction, Lock, Statement

# SQLite takes 32,766 parameters, PostgreSQL 65,535.
_ROWS = 1_000


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The fields of a counter's row by what becomes of them when there is such a row already.

    ``key`` finds the row, ``added`` grow by the new value, of ``latest`` the greater one stays;
    ``kept`` are written with a new row only.
    """

    key: tuple[str, ...]
    added: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every field, in the order in which rows give their values."""
        return self.key + self.added + self.latest + self.kept


class Tally:
    """Adds to counters. The model needs a unique constraint on its key."""

    def __init__(self, executor: Executor, *, greatest: str, writing: Lock) -> None:
        """Keep the executor, the function for the greater of two values, and the lock it takes."""
        self._executor = executor
        self._greatest = greatest
        self._writing = writing

    def add(
        self, model: type[Model], columns: Columns, rows: Sequence[Sequence[Any]], *, wait: float
    ) -> None:
        """Add rows to the counters of ``model``, a thousand with one statement.

        Inside a transaction, so that all are added or none. ``wait`` is the longest wait for a lock
        (seconds). Rows that two processes add to are locked
        in the order of their keys, so that two never wait for each other. Raises database errors.
        """
        keyed = len(columns.key)
        ordered = sorted(rows, key=lambda row: tuple(str(value) for value in row[:keyed]))
        for start in range(0, len(ordered), _ROWS):
            part = ordered[start : start + _ROWS]
            statement = Statement(
                sql=self._sql(model, columns, len(part)),
                params=tuple(self._values(model, columns, part)),
                purpose="Add to counters.",
                lock=self._writing,
                transaction=InTransaction.REQUIRED,
                lock_timeout=wait,
            )
            self._executor.run(statement)

    def _values(
        self, model: type[Model], columns: Columns, rows: Sequence[Sequence[Any]]
    ) -> list[Any]:
        connection = self._executor.connection
        fields = [_field(model, name) for name in columns.all]
        return [
            field.get_db_prep_save(value, connection)
            for row in rows
            for field, value in zip(fields, row, strict=True)
        ]

    def _sql(self, model: type[Model], columns: Columns, count: int) -> str:
        def name(field: str) -> str:
            return in_sql(_field(model, field).column)

        table = in_sql(model._meta.db_table)
        listed = ", ".join(name(field) for field in columns.all)
        places = ", ".join([f"({', '.join(['%s'] * len(columns.all))})"] * count)
        key = ", ".join(name(field) for field in columns.key)
        changes = [
            f"{name(field)} = {table}.{name(field)} + excluded.{name(field)}"
            for field in columns.added
        ] + [
            f"{name(field)} = {self._greatest}({table}.{name(field)}, excluded.{name(field)})"
            for field in columns.latest
        ]
        return (
            f"INSERT INTO {table} ({listed}) VALUES {places} "
            f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}"
        )


def _field(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name)
