"""The connection: its clock, and its page cache while many rows move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from dbhealth.backends.executor import Executor
from dbhealth.backends.selection import Limits
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.conf import get_settings


class SqliteSession:
    """Statements about the connection itself."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _ask(self, sql: str, purpose: str) -> object:
        return self._executor.run(Statement(sql=sql, purpose=purpose, lock=Lock.NONE)).value

    def now(self) -> datetime:
        """Return SQLite's clock, aware, in UTC (to the millisecond)."""
        text = self._ask("SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", "Read the clock.")
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)

    def begin_batch(
        self, limits: Limits, tables: tuple[str, ...] = (), *, snapshot: bool = False
    ) -> None:
        """Run :meth:`begin_statement`; must be the first statement of the transaction."""
        self._executor.run(self.begin_statement(limits, tables, snapshot=snapshot))

    def begin_statement(
        self, limits: Limits, tables: tuple[str, ...] = (), *, snapshot: bool = False
    ) -> Statement:
        """Return what begins a batch: it takes the write lock and changes nothing.

        Whatever is read after it cannot change before COMMIT. SQLite checks deferred foreign keys
        at COMMIT, which then fails as a whole.
        """
        quote = self._executor.connection.ops.quote_name
        sql = f"DELETE FROM {quote(tables[0])} WHERE FALSE" if tables else "SELECT 1"
        return Statement(
            sql=sql,
            purpose="Begin a batch.",
            lock=Lock.RESERVED if tables else Lock.NONE,
            transaction=InTransaction.REQUIRED,
            lock_timeout=limits.lock,
        )

    @contextmanager
    def tuned(self) -> Iterator[None]:
        """Give the page cache room for a batch's pages of all indexes, and take it away again.

        Durability settings (synchronous, journal_mode) stay as the project has them.
        """
        before = int(str(self._ask("PRAGMA cache_size", "Read the cache size.")))
        pages = get_settings().sqlite_cache_bytes // 1024
        # Negative values are KiB, positive ones pages: a larger cache of the project stays.
        page_bytes = int(str(self._ask("PRAGMA page_size", "Read the page size.")))
        has = -before if before < 0 else before * page_bytes // 1024
        if has >= pages:
            yield
            return
        self._ask(f"PRAGMA cache_size = {-pages}", "Enlarge the page cache for the run.")
        try:
            yield
        finally:
            self._ask(f"PRAGMA cache_size = {before}", "Put the page cache back.")
