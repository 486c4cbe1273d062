"""A checksum over rows, computed by the database: the proof that a move changed nothing.

Each row gives a number of 64 bits, and rows together the sum of these modulo 2^64: independent of
their order, with every duplicate counted, and the sums of batches add up to that of the run. It
finds what has gone wrong; it is no signature against somebody who sets out to forge one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.records import Column, Digested
from dbhealth.backends.selection import Limits
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

_MODULUS = 1 << 64

NOTHING = "0"
"""The total of no rows. Totals are decimal text: JSON's numbers end at 53 bits in many readers."""


def add(*totals: object) -> str:
    """Return the total of rows of which parts are known; None stands for no rows."""
    return str(sum(int(str(total or 0)) for total in totals) % _MODULUS)


class Digest(ABC):
    """How an engine computes it. Values are compared as the database stores them, to the bit."""

    reading: Lock
    """The lock that a plain SELECT takes."""

    name: str
    """How totals were made; those of different names cannot be compared."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self.executor = executor

    def of_run(
        self,
        table: str,
        columns: Sequence[Column],
        stored_as: Sequence[Column],
        run: tuple[str, int],
        limits: Limits,
    ) -> Digested:
        """Return the rows of a table, and their total, that one run has put there.

        ``run`` is the column that tells, and its value; the rest is as in :meth:`total`.
        """
        return self._asked(self.total(table, columns, stored_as), table, run, limits)

    def _asked(self, total: str, table: str, run: tuple[str, int], limits: Limits) -> Digested:
        self.ready()
        statement = Statement(
            sql=f"SELECT count(*), {total} FROM {in_sql(table)} WHERE {in_sql(run[0])} = %s",
            params=(run[1],),
            purpose=_("Compute the checksum of what a run has archived."),
            lock=self.reading,
            lock_timeout=limits.lock,
            statement_timeout=limits.statement,
        )
        rows, found = self.executor.run(statement).first or (0, None)
        return Digested(rows=rows, total=add(found))

    def ready(self) -> None:  # noqa: B027 - an engine that has everything built in needs nothing
        """Make the connection able to compute; must be called before :meth:`total` runs."""

    @abstractmethod
    def total(self, table: str, columns: Sequence[Column], stored_as: Sequence[Column] = ()) -> str:
        """Return SQL of an aggregate: the total over rows of ``table``, to be put through add.

        The order of ``columns`` counts, their names do not. ``stored_as`` are the columns, in the
        same order, that the values are copied to: where these have another type the value counts
        as it is after the conversion.
        """
