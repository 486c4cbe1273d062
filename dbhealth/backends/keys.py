"""SQL for names, keys and ranges of keys, which everything on rows is made of."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.selection import (
    Key,
    KeyColumn,
    KeyRange,
    Limits,
    Member,
    Predicate,
    Selection,
    both,
)
from dbhealth.backends.statement import Lock, Statement

_COUNTS = re.compile("(small|big)?int(eger)?", re.IGNORECASE)
"""The types of both engines whose values are whole numbers one after the other."""


class KeySql(ABC):
    """Quoted names, keys in and out, and conditions on them."""

    reading: Lock
    """The lock that a plain SELECT takes."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self.executor = executor

    def name(self, *parts: str) -> str:
        """Return names quoted by the engine and joined by dots."""
        return ".".join(in_sql(part) for part in parts)

    def names(self, table: str, columns: Iterable[str]) -> str:
        """Return the columns of a table, quoted, as a list in SQL."""
        return ", ".join(self.name(table, column) for column in columns)

    def equal(self, left: str, columns: Iterable[str], right: str, others: Iterable[str]) -> str:
        """Return the condition that columns of one table equal columns of another."""
        pairs = zip(columns, others, strict=True)
        return " AND ".join(f"{self.name(left, a)} = {self.name(right, b)}" for a, b in pairs)

    @abstractmethod
    def key_output(self, key: str) -> str:
        """Return SQL that gives a column of a key, or an expression, as JSON keeps it exactly."""

    @abstractmethod
    def key_input(self, column: KeyColumn) -> str:
        """Return SQL with one placeholder that turns that form back into a key."""

    def key_loaded(self, values: Iterable[Any]) -> Key:
        """Return the key that the database or a run's JSON gave as a sequence."""
        return tuple(values)

    def counts(self, selection: Selection) -> bool:
        """Return whether the keys of the table are whole numbers."""
        return len(selection.key) == 1 and bool(_COUNTS.fullmatch(selection.key[0].type))

    def key_number(self, selection: Selection, key: Key | None) -> int | None:
        """Return the key as a whole number, None where the keys of the table do not count.

        Between two such numbers there can be no more rows than their difference.
        """
        if key is None or not self.counts(selection):
            return None
        return int(key[0]) if re.fullmatch(r"-?\d+", str(key[0])) else None

    def number_key(self, number: int, like: Key) -> Key:
        """Return the key for a number, in the form of the key ``like``."""
        return (type(like[0])(number),)

    def key_params(self, key: Key) -> tuple[Any, ...]:
        """Return the parameters for :meth:`key_input`."""
        return key

    def key_outputs(self, table: str, selection: Selection | Member) -> str:
        """Return SQL that gives the whole key."""
        return ", ".join(self.key_output(self.name(table, name)) for name in selection.key_names)

    def tuple_of(self, table: str, selection: Selection) -> str:
        """Return the key as one value that can be compared: a column, or a row of columns."""
        listed = self.names(table, selection.key_names)
        return f"({listed})" if len(selection.key) > 1 else listed

    def _compared(self, selection: Selection, operator: str, key: Key | None) -> Predicate | None:
        if key is None:
            return None
        right = ", ".join(self.key_input(column) for column in selection.key)
        right = f"({right})" if len(selection.key) > 1 else right
        left = self.tuple_of(selection.table, selection)
        return Predicate(sql=f"{left} {operator} {right}", params=self.key_params(key))

    def within(self, selection: Selection, keys: KeyRange) -> Predicate:
        """Return the selection's condition, narrowed to a range of keys."""
        return self._narrowed(selection.where, selection, keys)

    def alone_within(self, selection: Selection, keys: KeyRange) -> Predicate:
        """Return what :meth:`within` does, whatever stands below the rows."""
        return self._narrowed(selection.alone or selection.where, selection, keys)

    def _narrowed(self, where: Predicate, selection: Selection, keys: KeyRange) -> Predicate:
        return both(
            where,
            self._compared(selection, ">", keys.after),
            self._compared(selection, "<=", keys.upto),
        )

    def read(self, sql: str, condition: Predicate, purpose: str, limits: Limits) -> Statement:
        """Return a reading statement."""
        return Statement(
            sql=sql,
            params=condition.params,
            purpose=purpose,
            lock=self.reading,
            lock_timeout=limits.lock,
            statement_timeout=limits.statement,
        )
