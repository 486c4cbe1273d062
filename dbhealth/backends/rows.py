"""Moving rows between two tables of one database, one range of keys at a time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from dbhealth.backends.records import Moved
from dbhealth.backends.selection import (
    Key,
    KeyRange,
    Limits,
    Predicate,
    Selection,
    Transfer,
    Way,
    both,
)
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.backends.survey import SurveySql


class Rows(SurveySql):
    """The move. What both engines share stands here, the rest in the engine's folder."""

    def next_key(
        self, selection: Selection, keys: KeyRange, size: int, limits: Limits
    ) -> Key | None:
        """Return the key of the ``size``-th eligible row in ``keys``, or of the last one.

        None where no row is left. Takes no lock that outlives the statement.
        """
        found = self.executor.run(self.next_key_statement(selection, keys, size, limits)).first
        return None if found is None else self.key_loaded(found)

    def next_key_statement(
        self, selection: Selection, keys: KeyRange, size: int, limits: Limits
    ) -> Statement:
        """Return the statement of :meth:`next_key`."""
        condition = self.within(selection, keys)
        listed = self.names(selection.table, selection.key_names)
        order = ", ".join(f"{self.name('dbh_row', name)} DESC" for name in selection.key_names)
        sql = (
            f"SELECT {self.key_outputs('dbh_row', selection)} FROM (SELECT {listed} "
            f"FROM {self.name(selection.table)} WHERE {condition.sql} "
            f"ORDER BY {listed} LIMIT {int(size)}) AS dbh_row ORDER BY {order} LIMIT 1"
        )
        return self.read(sql, condition, "Find where the batch ends.", limits)

    def remaining(self, selection: Selection, keys: KeyRange, limits: Limits) -> int:
        """Return how many eligible rows a range of keys still has."""
        condition = self.within(selection, keys)
        sql = f"SELECT count(*) FROM {self.name(selection.table)} WHERE {condition.sql}"
        statement = self.read(sql, condition, "Count the rows that were stepped over.", limits)
        return int(self.executor.run(statement).value)

    @abstractmethod
    def move_statements(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way
    ) -> tuple[Statement, ...]:
        """Return the statements that move one range of keys, in their order.

        Raises NotSupported for a way that the engine does not have.
        """

    @abstractmethod
    def move(self, transfer: Transfer, keys: KeyRange, limits: Limits, way: Way) -> Moved:
        """Move the eligible rows of one range of keys.

        The caller holds the transaction, begun for this way by ``Session.begin_batch``, and must
        compare the two counts and roll back unless they are equal.
        """

    def copy_and_delete(
        self, transfer: Transfer, keys: KeyRange, limits: Limits, lock: Lock
    ) -> tuple[Statement, Statement]:
        """Return the insert and the delete of one range, for where both see the same rows."""
        selection = transfer.selection
        condition = self.leaving(selection, keys)
        table = self.name(selection.table)
        copied = self.names(selection.table, transfer.columns)
        stamps = "".join(", %s" for _ in transfer.stamps)
        insert = (
            f"{self.insert_into(transfer)} SELECT {copied}{stamps} "
            f"FROM {table} WHERE {condition.sql}"
        )
        values = tuple(value for _, value in transfer.stamps)
        delete = f"DELETE FROM {table} WHERE {condition.sql}"
        return (
            writing(insert, values + condition.params, "Copy one batch.", limits, lock),
            writing(delete, condition.params, "Delete the same batch.", limits, lock),
        )

    def run_both(self, insert: Statement, delete: Statement) -> Moved:
        """Run them and return how many rows each has touched."""
        inserted, deleted = self.executor.run_together((insert, delete))
        return Moved(inserted=inserted.rowcount, deleted=deleted.rowcount)

    def insert_into(self, transfer: Transfer) -> str:
        """Return INSERT INTO with the target's columns, copied ones first."""
        names = [*transfer.columns, *(name for name, _ in transfer.stamps)]
        columns = ", ".join(self.name(name) for name in names)
        return f"INSERT INTO {self.name(transfer.target)} ({columns})"

    def leaving(self, selection: Selection, keys: KeyRange) -> Predicate:
        """Return the condition for the rows of one batch, with their families."""
        seed = self.within(selection, keys)
        if not selection.families:
            return seed
        table, names = self.name(selection.table), selection.key_names
        links = " OR ".join(
            f"({self.equal('dbh_child', link.columns, 'dbh_parent', link.target_columns)})"
            for link in selection.families
        )
        sql = (
            f"{self.tuple_of(selection.table, selection)} IN (WITH RECURSIVE dbh_family AS ("
            f"SELECT {self.names(selection.table, names)} FROM {table} WHERE {seed.sql} "
            f"UNION SELECT {self.names('dbh_child', names)} FROM dbh_family "
            f"JOIN {table} AS dbh_parent ON {self.equal('dbh_parent', names, 'dbh_family', names)} "
            f"JOIN {table} AS dbh_child ON {links}) SELECT * FROM dbh_family)"
        )
        # The policy's condition stands outside as well: PostgreSQL checks it again on the newest
        # version of a row that somebody changed while we waited for its lock.
        return both(selection.where, Predicate(sql=sql, params=seed.params))


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
