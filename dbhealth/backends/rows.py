"""Moving rows between two tables of one database, one range of keys at a time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from dbhealth.backends.records import Moved
from dbhealth.backends.selection import (
    Copy,
    Key,
    KeyRange,
    Limits,
    Predicate,
    Selection,
    Transfer,
    Way,
)
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.backends.survey import SurveySql
from dbhealth.saying import say as _


class Rows(SurveySql):
    """The move. What both engines share stands here, the rest in the engine's folder."""

    def next_key(
        self, selection: Selection, keys: KeyRange, size: int, limits: Limits
    ) -> Key | None:
        """Return the key of the ``size``-th eligible row in ``keys``, or of the last one.

        Rows of a family that something below them holds back count as well: up to the key there
        may be fewer rows that leave, and none at all. None where no row is left. Takes no lock
        that outlives the statement.
        """
        found = self.executor.run(self.next_key_statement(selection, keys, size, limits)).first
        return None if found is None else self.key_loaded(found)

    def next_key_statement(
        self, selection: Selection, keys: KeyRange, size: int, limits: Limits
    ) -> Statement:
        """Return the statement of :meth:`next_key`."""
        # No planner knows that old rows have old rows below them. To find the few that it expects
        # to be free, it would read whole child tables for every batch.
        condition = self.alone_within(selection, keys)
        listed = self.names(selection.table, selection.key_names)
        order = ", ".join(f"{self.name('dbh_row', name)} DESC" for name in selection.key_names)
        sql = (
            f"SELECT {self.key_outputs('dbh_row', selection)} FROM (SELECT {listed} "
            f"FROM {self.name(selection.table)} WHERE {condition.sql} "
            f"ORDER BY {listed} LIMIT {int(size)}) AS dbh_row ORDER BY {order} LIMIT 1"
        )
        return self.read(sql, condition, _("Find where the batch ends."), limits)

    def remaining(self, selection: Selection, keys: KeyRange, limits: Limits) -> int:
        """Return how many eligible rows a range of keys still has."""
        condition = self.within(selection, keys)
        sql = f"SELECT count(*) FROM {self.name(selection.table)} WHERE {condition.sql}"
        statement = self.read(sql, condition, _("Count the rows that were stepped over."), limits)
        return int(self.executor.run(statement).value)

    @abstractmethod
    def move_statements(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Statement, ...]:
        """Return the statements that move one range of keys, in their order.

        Raises NotSupported for a way that the engine does not have.
        """

    @abstractmethod
    def move(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Moved, ...]:
        """Move the eligible rows of one range of keys, with their families.

        Returns what was done for each of the transfer's copies. The caller holds the transaction,
        begun for this way by ``Session.begin_batch``, and must compare the two counts and the two
        digests of each and roll back unless they are equal.
        """

    def copy_and_delete(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, lock: Lock
    ) -> tuple[Statement, ...]:
        """Return the inserts and then the deletes of one range, for where all see the same rows.

        Parents are copied first and deleted last.
        """
        selection = transfer.selection
        leaving = [self.leaving(selection, keys, place) for place in range(len(transfer.copies))]
        pairs = list(zip(transfer.copies, leaving, strict=True))
        inserts = [self.insertion(copy, found, limits, lock) for copy, found in pairs]
        deletes = [self.deletion(copy, found, limits, lock) for copy, found in reversed(pairs)]
        return (*inserts, *deletes)

    def insertion(self, copy: Copy, condition: Predicate, limits: Limits, lock: Lock) -> Statement:
        """Return the statement that copies the rows of one table."""
        copied = self.names(copy.table, copy.names)
        stamps = "".join(", %s" for _ in copy.stamps)
        sql = (
            f"{self.insert_into(copy)} SELECT {copied}{stamps} "
            f"FROM {self.name(copy.table)} WHERE {condition.sql}"
        )
        values = tuple(value for _, value in copy.stamps)
        return writing(
            sql,
            values + condition.params,
            _("Copy one batch into {target}.", target=copy.target),
            limits,
            lock,
        )

    def deletion(self, copy: Copy, condition: Predicate, limits: Limits, lock: Lock) -> Statement:
        """Return the statement that deletes the rows of one table."""
        sql = f"DELETE FROM {self.name(copy.table)} WHERE {condition.sql}"
        return writing(
            sql,
            condition.params,
            _("Delete the same rows from {table}.", table=copy.table),
            limits,
            lock,
        )

    def insert_into(self, copy: Copy) -> str:
        """Return INSERT INTO with the target's columns, copied ones first."""
        names = [*copy.names, *(name for name, _ in copy.stamps)]
        columns = ", ".join(self.name(name) for name in names)
        return f"INSERT INTO {self.name(copy.target)} ({columns})"


def writing(
    sql: str, params: tuple[Any, ...], purpose: str, limits: Limits, lock: Lock
) -> Statement:
    """Return a statement that writes rows, inside the transaction of a batch."""
    return Statement(
        sql=sql,
        params=params,
        purpose=purpose,
        lock=lock,
        transaction=InTransaction.REQUIRED,
        lock_timeout=limits.lock,
        statement_timeout=limits.statement,
    )
