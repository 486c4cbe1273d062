"""Statements that make, rebuild and drop indexes, and what is known of them while they work."""

from __future__ import annotations

from typing import Protocol

from dbhealth.backends.statement import Statement

LONGEST_WORK = 7 * 24 * 3600.0
"""Seconds that work on a whole table may take: the session's own bound is for a web request."""


class Ddl(Protocol):
    """Changes of indexes. Tables are named as Django names them, indexes by their bare name."""

    def create_index(self, table: str, name: str, sql: str) -> tuple[Statement, ...]:
        """Return the statements that carry out ``sql``, which is Django's for an index.

        Each runs by itself; where there are two, the second one makes a constraint of the index
        that the first one has built. Raises NotSupported, with a sentence, for what cannot be
        made without keeping everybody from the table.
        """

    def rebuild(self, table: str, name: str) -> Statement:
        """Return what builds an index again from its definition."""

    def drop_index(self, table: str, name: str) -> Statement:
        """Return what drops an index, if it is there."""

    def session(self) -> int:
        """Return the server's number for this thread's connection, 0 where there is none."""

    def waits_for(self, pid: int) -> tuple[str, ...]:
        """Return in words for whom a session waits, empty where it waits for nobody."""

    def holders(self, table: str) -> tuple[str, ...]:
        """Return in words who holds locks that a change of the table's indexes waits for."""

    def end_work(self, pid: int) -> bool:
        """Cancel what a session does to an index or for a table; return whether it did any."""

    def leftovers(self, table: str, name: str) -> tuple[str, ...]:
        """Return the names of invalid indexes that a failed build of ``name`` has left behind."""
