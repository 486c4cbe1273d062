"""What sqlite3's errors mean, by result code.

https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

from dbhealth.backends.trouble import Trouble

_BY_CODE = {
    5: Trouble.LOCK_TIMEOUT,  # SQLITE_BUSY: another connection holds the lock
    6: Trouble.LOCK_TIMEOUT,  # SQLITE_LOCKED: the same, within a shared cache
    9: Trouble.STATEMENT_TIMEOUT,  # SQLITE_INTERRUPT
    19: Trouble.INTEGRITY,  # SQLITE_CONSTRAINT
}


class SqliteErrors:
    """Reads the result code of the driver's error behind Django's."""

    def trouble(self, error: BaseException) -> Trouble:
        """Return the kind of trouble."""
        driver = error.__cause__ if error.__cause__ is not None else error
        code = getattr(driver, "sqlite_errorcode", None)
        # The low byte is the primary code, the rest says more about the same thing.
        return Trouble.OTHER if code is None else _BY_CODE.get(code & 0xFF, Trouble.OTHER)
