"""What psycopg's errors mean, by SQLSTATE.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from dbhealth.backends.trouble import Trouble

_BY_STATE = {
    "55P03": Trouble.LOCK_TIMEOUT,
    "57014": Trouble.STATEMENT_TIMEOUT,
    "40P01": Trouble.DEADLOCK,
    "40001": Trouble.SERIALIZATION,
    "57P01": Trouble.DISCONNECTED,
    "57P02": Trouble.DISCONNECTED,
    "57P03": Trouble.DISCONNECTED,
    "53100": Trouble.DISK_FULL,
    "25006": Trouble.READ_ONLY,
}
_BY_CLASS = {"23": Trouble.INTEGRITY, "08": Trouble.DISCONNECTED}

_HINTS = {
    Trouble.LOCK_TIMEOUT: "A migration, VACUUM FULL, LOCK TABLE or a transaction that somebody "
    "left open may hold it: pg_stat_activity shows the sessions, the oldest xact_start being the "
    "first to suspect, and pg_blocking_pids(pid) whom a waiting one waits for.",
    Trouble.STATEMENT_TIMEOUT: "Triggers, a missing index or a busy server make statements slow; "
    "pg_stat_activity shows what the server is busy with.",
    Trouble.DEADLOCK: "The server's log has the statements of both sessions.",
    Trouble.SERIALIZATION: "pg_stat_activity shows who writes to the table.",
    Trouble.DISCONNECTED: "The server may have been stopped or not be there at all, somebody may "
    "have ended the session (pg_terminate_backend), or the network or a pooler cut it: the "
    "server's log says which.",
    Trouble.DISK_FULL: "The server's log names the file: tables, WAL and temporary files may lie "
    "on different disks.",
    Trouble.READ_ONLY: "It is a standby (SELECT pg_is_in_recovery()), or "
    "default_transaction_read_only is on: name the primary.",
}


class PostgresErrors:
    """Reads the SQLSTATE of the driver's error behind Django's."""

    def trouble(self, error: BaseException) -> Trouble:
        """Return the kind of trouble; DISCONNECTED when the server went away without a state."""
        driver = error.__cause__ if error.__cause__ is not None else error
        state = getattr(driver, "sqlstate", None)
        if state is not None:
            return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], Trouble.OTHER)
        # psycopg raises a bare OperationalError, with no state, when the connection breaks.
        is_bare = type(driver).__name__ in {"OperationalError", "InterfaceError"}
        return Trouble.DISCONNECTED if is_bare else Trouble.OTHER

    def hint(self, trouble: Trouble) -> str:
        """Return who or what may be behind it, and where to look."""
        return _HINTS.get(trouble, "")
