"""Sessions, connections, replication, settings and transaction ids of a PostgreSQL server."""

from __future__ import annotations

import os

from dbhealth.backends.postgresql import server_sql
from dbhealth.backends.postgresql.cures import PostgresCures
from dbhealth.backends.postgresql.keys import PostgresKeys
from dbhealth.backends.postgresql.queries import without_values
from dbhealth.backends.server_records import (
    Age,
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


class PostgresServer(PostgresKeys):
    """Facts about the server. What a role may not see is NULL there, and says so here."""

    @property
    def cures(self) -> PostgresCures:
        """The statements that mend what the facts are about."""
        return PostgresCures()

    def rights(self) -> Rights:
        """Return what the role that asks may see."""
        role, sees_others, local = self._look(server_sql.RIGHTS)[0]
        return Rights(role=role, sees_others=sees_others, local=local)

    def sessions(self) -> tuple[ServerSession, ...]:
        """Return the sessions of the whole server but the one that asks."""
        names = (
            *("pid", "kind", "role", "here", "application", "state", "query", "transaction"),
            *("statement", "in_state", "xmin_age", "ours", "hidden"),
        )
        found = []
        for row in self._look(server_sql.SESSIONS):
            facts = dict(zip(names, row, strict=True))
            facts["query"] = "" if facts["hidden"] else without_values(facts["query"])
            found.append(ServerSession(**facts))
        return tuple(found)

    def waiters(self) -> tuple[Waiter, ...]:
        """Return the sessions of this database that wait for a lock, but those of dbhealth."""
        return tuple(
            Waiter(pid=pid, seconds=seconds, blockers=tuple(blockers), about=about)
            for pid, seconds, blockers, about in self._look(server_sql.WAITERS)
        )

    def prepared(self) -> tuple[Prepared, ...]:
        """Return the prepared transactions of the server, the oldest first."""
        return tuple(
            Prepared(gid=gid, owner=owner, seconds=seconds, xmin_age=age, here=here)
            for gid, owner, seconds, age, here in self._look(server_sql.PREPARED)
        )

    def limits(self) -> ConnectionLimits:
        """Return how many sessions there may be."""
        server, reserved, database, role = self._look(server_sql.LIMITS)[0]
        return ConnectionLimits(server=server, reserved=reserved, database=database, role=role)

    def standbys(self) -> tuple[Standby, ...]:
        """Return the standbys that are connected to this server."""
        return tuple(
            Standby(name=name, state=state, bytes=size, seconds=seconds)
            for name, state, size, seconds in self._look(server_sql.STANDBYS)
        )

    def replay(self) -> Replay | None:
        """Return how far this server is as a standby, None where it is none."""
        rows = self._look(server_sql.REPLAY)
        if not rows:
            return None
        seconds, size, receiving, paused = rows[0]
        return Replay(seconds=seconds, bytes=size, receiving=receiving, paused=paused)

    def slots(self) -> tuple[Slot, ...]:
        """Return the replication slots, by name; those that end with their session left out."""
        names = ("name", "kind", "active", "lost", "bytes", "idle", "xmin_age")
        rows = self._look(server_sql.SLOTS)
        return tuple(Slot(**dict(zip(names, row, strict=True))) for row in rows)

    def archiver(self) -> Archiver | None:
        """Return how the archiving of WAL goes, None where nothing is archived."""
        rows = self._look(server_sql.ARCHIVER)
        if not rows:
            return None
        failing, failed, file = rows[0]
        return Archiver(failing=failing, failed=failed, file=file)

    def settings(self) -> dict[str, Setting]:
        """Return the settings that the checks know, and all that wait for a restart, by name."""
        rows = self._look(server_sql.SETTINGS, list(server_sql.KNOWN_SETTINGS))
        return {
            name: Setting(
                name=name,
                value=value,
                shown=shown or value,
                bytes=None if size is None else int(size),
                is_default=is_default,
                waits_for_restart=pending,
            )
            for name, value, shown, size, is_default, pending in rows
        }

    def machine(self) -> Machine:
        """Return how large the database is, and the memory of its machine."""
        local = self._look(server_sql.RIGHTS)[0][2]
        return Machine(
            database_bytes=int(self._look(server_sql.DATABASE_BYTES)[0][0]),
            memory=_memory() if local else None,
        )

    def outdated_extensions(self) -> tuple[Extension, ...]:
        """Return the extensions of this database for which there is an update."""
        return tuple(
            Extension(name=name, version=version, available=available)
            for name, version, available in self._look(server_sql.EXTENSIONS)
        )

    def statement_statistics(self) -> StatementStatistics:
        """Return how things stand with pg_stat_statements."""
        available, loaded, created = self._look(server_sql.STATEMENT_STATISTICS)[0]
        return StatementStatistics(available=available, loaded=loaded, created=created)

    def counters(self) -> Counters:
        """Return what has been counted in this database since its statistics were reset."""
        files, size, deadlocks, seconds = self._look(server_sql.COUNTERS)[0]
        return Counters(
            temporary_files=files, temporary_bytes=size, deadlocks=deadlocks, seconds=seconds
        )

    def costly_statements(self) -> tuple[CostlyStatement, ...]:
        """Return the few statements on which this database has spent the most time."""
        schema = self._counting_schema()
        if not schema:
            return ()
        return tuple(
            CostlyStatement(number=number, calls=calls, seconds=seconds, share=share)
            for number, calls, seconds, share in self._look(
                server_sql.COSTLY_STATEMENTS.format(schema=schema)
            )
        )

    def statement_text(self, number: int) -> str | None:
        """Return such a statement without values; None where it is dbhealth's own, or gone."""
        sql = server_sql.STATEMENT_TEXT.format(schema=self._counting_schema())
        rows = self._look(sql, number)
        return without_values(rows[0][0]) if rows else None

    def _counting_schema(self) -> str:
        """Return the quoted schema of pg_stat_statements; empty where it does not count."""
        rows = self._look(server_sql.STATEMENTS_SCHEMA)
        return str(rows[0][0]) if rows else ""

    def ages(self) -> Ages:
        """Return the ages of the oldest tables of this database and of all databases."""
        found: dict[str, list[Age]] = {"xids": [], "mxids": [], "databases": []}
        for kind, name, xids, mxids in self._look(server_sql.TABLE_AGES):
            found[kind].append(Age(name=name, xids=xids, mxids=mxids))
        return Ages(
            by_xid=tuple(found["xids"]),
            by_mxid=tuple(found["mxids"]),
            databases=tuple(found["databases"]),
        )


def _memory() -> int | None:
    """Return the memory of this machine (bytes), None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
