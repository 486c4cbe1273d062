"""Indexes on SQLite are built under the write lock of the whole file, and are never half done.

https://www.sqlite.org/lang_createindex.html
"""

from __future__ import annotations

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.sqlite.file_locks import lockers
from dbhealth.backends.statement import Lock, Statement
from dbhealth.conf import get_settings
from dbhealth.saying import say as _


class SqliteDdl:
    """Changes of indexes. Each is a transaction: it happens as a whole or not at all."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def create_index(self, table: str, name: str, sql: str) -> tuple[Statement, ...]:
        """Return Django's statement; a unique constraint that it can add later is an index."""
        wanted = sql.strip().rstrip(";").replace("%", "%%")
        return (_write(wanted, _("Build the index {index} on {table}.", index=name, table=table)),)

    def rebuild(self, table: str, name: str) -> Statement:
        """Return REINDEX of one index."""
        return _write(
            f"REINDEX {in_sql(name)}",
            _("Rebuild the index {index} on {table}.", index=name, table=table),
        )

    def drop_index(self, table: str, name: str) -> Statement:
        """Return DROP INDEX."""
        sql = f"DROP INDEX IF EXISTS {in_sql(name)}"
        return _write(sql, _("Drop the index {index} of {table}.", index=name, table=table))

    def session(self) -> int:
        """Return 0: SQLite has no server."""
        return 0

    def waits_for(self, pid: int) -> tuple[str, ...]:
        """Return nothing: SQLite does not tell who waits."""
        return ()

    def holders(self, table: str) -> tuple[str, ...]:
        """Return in words which processes hold the file, as far as the system tells."""
        return lockers(str(self._executor.connection.settings_dict["NAME"]))

    def end_work(self, pid: int) -> bool:
        """Return False: nobody else can end a statement of SQLite."""
        return False

    def leftovers(self, table: str, name: str) -> tuple[str, ...]:
        """Return nothing: a build that fails is rolled back."""
        return ()


def _write(sql: str, purpose: str) -> Statement:
    return Statement(
        sql=sql,
        purpose=purpose,
        lock=Lock.RESERVED,
        lock_timeout=get_settings().lock_timeout,
    )
