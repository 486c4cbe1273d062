"""What psycopg's errors mean, by SQLSTATE.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re

from dbhealth.backends.names import quoted
from dbhealth.backends.trouble import Trouble

_BY_STATE = {
    "55P03": Trouble.LOCK_TIMEOUT,
    "57014": Trouble.STATEMENT_TIMEOUT,
    "40P01": Trouble.DEADLOCK,
    "40001": Trouble.SERIALIZATION,
    "57P01": Trouble.DISCONNECTED,
    "57P02": Trouble.DISCONNECTED,
    "57P03": Trouble.DISCONNECTED,
    "57P05": Trouble.DISCONNECTED,
    "53100": Trouble.DISK_FULL,
    "25006": Trouble.READ_ONLY,
    "42501": Trouble.DENIED,
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

_DENIED = re.compile(r'^permission denied for ([a-z ]+?) "?([^"]+?)"?$')

_GRANTS = {
    "table": "SELECT ON",
    "view": "SELECT ON",
    "materialized view": "SELECT ON",
    "sequence": "SELECT ON",
    "schema": "USAGE ON SCHEMA",
    "function": "EXECUTE ON FUNCTION",
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

    def grant(self, error: BaseException, role: str) -> str:
        """Return the statement that gives ``role`` the right whose lack ``error`` tells of.

        The server names the object in its message alone; where that is in another language than
        English or about something else, it is the role that may read all that a monitor reads.
        https://www.postgresql.org/docs/current/predefined-roles.html
        """
        diagnosis = getattr(error.__cause__ or error, "diag", None)
        found = _DENIED.match(getattr(diagnosis, "message_primary", None) or "")
        right = _GRANTS.get(found[1]) if found else None
        given = f"{right} {quoted(found[2])}" if found and right else "pg_monitor"
        return f"GRANT {given} TO {quoted(role)}"

    def hint(self, trouble: Trouble) -> str:
        """Return who or what may be behind it, and where to look."""
        return _HINTS.get(trouble, "")
