"""Facts about a server beyond single tables: what every engine that has one answers."""

from __future__ import annotations

from typing import Protocol

from dbhealth.backends.cures import ServerCures
from dbhealth.backends.key_records import (
    Collation,
    IntegerKey,
    IntegerReference,
    NumberSequence,
    UnprovenConstraint,
)
from dbhealth.backends.server_records import (
    Ages,
    Archiver,
    ConnectionLimits,
    CostlyStatement,
    Counters,
    Extension,
    Machine,
    Prepared,
    Replay,
    Rights,
    ServerSession,
    Setting,
    Slot,
    Standby,
    StatementStatistics,
    Waiter,
)


class ServerFacts(Protocol):
    """One statement a topic; none of them reads a row of a user's table or waits for its lock.

    Tables have the names by which Django calls them. Raises NotSupported where there is no server
    (``features.has_sessions``).
    """

    @property
    def cures(self) -> ServerCures:
        """The statements that mend what the facts are about."""

    def rights(self) -> Rights:
        """Return what the role that asks may see."""

    def sessions(self) -> tuple[ServerSession, ...]:
        """Return the sessions of the whole server but the one that asks."""

    def waiters(self) -> tuple[Waiter, ...]:
        """Return the sessions of this database that wait for a lock, but those of dbhealth."""

    def prepared(self) -> tuple[Prepared, ...]:
        """Return the prepared transactions of the server, the oldest first."""

    def limits(self) -> ConnectionLimits:
        """Return how many sessions there may be."""

    def standbys(self) -> tuple[Standby, ...]:
        """Return the standbys that are connected to this server."""

    def replay(self) -> Replay | None:
        """Return how far this server is as a standby, None where it is none."""

    def slots(self) -> tuple[Slot, ...]:
        """Return the replication slots, by name; those that end with their session left out."""

    def archiver(self) -> Archiver | None:
        """Return how the archiving of WAL goes, None where nothing is archived."""

    def settings(self) -> dict[str, Setting]:
        """Return the settings that the checks know, and all that wait for a restart, by name."""

    def machine(self) -> Machine:
        """Return how large the database is, and the memory of its machine."""

    def outdated_extensions(self) -> tuple[Extension, ...]:
        """Return the extensions of this database for which there is an update."""

    def statement_statistics(self) -> StatementStatistics:
        """Return how things stand with pg_stat_statements."""

    def costly_statements(self) -> tuple[CostlyStatement, ...]:
        """Return the few statements on which this database has spent the most time.

        None where pg_stat_statements is not in it, or its library is not loaded.
        """

    def statement_text(self, number: int) -> str | None:
        """Return such a statement without values; None where it is dbhealth's own, or gone.

        The server reads the texts of all statements for it: ask for one that matters.
        """

    def ages(self) -> Ages:
        """Return the ages of the oldest tables of this database and of all databases."""

    def sequences(self) -> tuple[NumberSequence, ...]:
        """Return the sequences of this database, those with the fewest values first.

        Each costs a lock until the transaction ends, so at most half as many are read as there is
        room for locks; the rest comes without ``last``, as if never used.
        """

    def integer_keys(self) -> tuple[IntegerKey, ...]:
        """Return the columns of whole numbers that are unique by themselves, foreign keys not."""

    def integer_references(self) -> tuple[IntegerReference, ...]:
        """Return the foreign keys of one column of whole numbers."""

    def unproven_constraints(self) -> tuple[UnprovenConstraint, ...]:
        """Return the constraints that are enforced but were never validated."""

    def stale_collations(self) -> tuple[Collation, ...]:
        """Return the collations in use whose library has another version now."""

    def counters(self) -> Counters:
        """Return what has been counted in this database since its statistics were reset."""

    def checksum_failures(self) -> int:
        """Return how many pages of this database had a wrong checksum since the last reset."""
