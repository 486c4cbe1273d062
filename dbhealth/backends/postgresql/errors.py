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
}
_BY_CLASS = {"23": Trouble.INTEGRITY, "08": Trouble.DISCONNECTED}


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
