"""What sqlite3's errors mean, by result code.

https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

from dbhealth.backends.trouble import Trouble

_BY_CODE = {
    5: Trouble.LOCK_TIMEOUT,  # SQLITE_BUSY: another connection holds the lock
    6: Trouble.LOCK_TIMEOUT,  # SQLITE_LOCKED: the same, within a shared cache
    8: Trouble.READ_ONLY,  # SQLITE_READONLY
    9: Trouble.STATEMENT_TIMEOUT,  # SQLITE_INTERRUPT
    13: Trouble.DISK_FULL,  # SQLITE_FULL
    14: Trouble.DISCONNECTED,  # SQLITE_CANTOPEN
    19: Trouble.INTEGRITY,  # SQLITE_CONSTRAINT
}

_HINTS = {
    Trouble.LOCK_TIMEOUT: "SQLite has one writer at a time: another process has the file open in a "
    "transaction, such as a shell, a backup, an editor of databases or the site itself; "
    "fuser or lsof on the file names it.",
    Trouble.DISCONNECTED: "The file or its folder is not there, or this user may not open it.",
    Trouble.DISK_FULL: "The disk or a quota is full, or max_page_count is reached; the journal "
    "beside the file needs room as well.",
    Trouble.READ_ONLY: "This user may not write the file or its folder, or the connection was "
    "opened with mode=ro or query_only.",
}


class SqliteErrors:
    """Reads the result code of the driver's error behind Django's."""

    def trouble(self, error: BaseException) -> Trouble:
        """Return the kind of trouble."""
        driver = error.__cause__ if error.__cause__ is not None else error
        code = getattr(driver, "sqlite_errorcode", None)
        # The low byte is the primary code, the rest says more about the same thing.
        return Trouble.OTHER if code is None else _BY_CODE.get(code & 0xFF, Trouble.OTHER)

    def grant(self, error: BaseException, role: str) -> str:
        """Return nothing: who may read the file may read all of it."""
        return ""

    def hint(self, trouble: Trouble) -> str:
        """Return who or what may be behind it, and where to look."""
        return _HINTS.get(trouble, "")
