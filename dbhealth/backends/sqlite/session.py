"""The connection: its clock, and its page cache while many rows move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import DatabaseError, connections

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.records import Begun, Standing
from dbhealth.backends.selection import Limits
from dbhealth.backends.sqlite.sharing import sharing_of
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.conf import get_settings
from dbhealth.saying import say as _


class SqliteSession:
    """Statements about the connection itself."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _ask(self, sql: str, purpose: str) -> object:
        return self._executor.run(Statement(sql=sql, purpose=purpose, lock=Lock.NONE)).value

    def now(self) -> datetime:
        """Return SQLite's clock, aware, in UTC (to the millisecond)."""
        text = self._ask("SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", _("Read the clock."))
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)

    def standing(self) -> Standing:
        """Return whether writes are taken; there are no roles."""
        return Standing(takes_writes=not self._pragma("query_only"))

    def begin_batch(
        self,
        limits: Limits,
        tables: tuple[str, ...] = (),
        *,
        snapshot: bool = False,
        alone: bool = False,
        flush: bool = True,
    ) -> Begun:
        """Run :meth:`begin_statement`; must be the first statement of the transaction."""
        self._executor.run(
            self.begin_statement(limits, tables, snapshot=snapshot, alone=alone, flush=flush)
        )
        # It grows with every change of the schema, whatever table it is about.
        shape = self._ask("PRAGMA schema_version", _("See whether the schema has changed."))
        return Begun(now=self.now(), shape=str(shape))

    def begin_statement(
        self,
        limits: Limits,
        tables: tuple[str, ...] = (),
        *,
        snapshot: bool = False,
        alone: bool = False,
        flush: bool = True,
    ) -> Statement:
        """Return what begins a batch: it takes the write lock and changes nothing.

        Whatever is read after it cannot change before COMMIT. SQLite checks deferred foreign keys
        at COMMIT, which then fails as a whole. How COMMIT waits for the disk cannot be set inside
        a transaction, so ``flush`` changes nothing.
        """
        sql = f"DELETE FROM {in_sql(tables[0])} WHERE FALSE" if tables else "SELECT 1"
        return Statement(
            sql=sql,
            purpose=_("Begin a batch."),
            lock=Lock.RESERVED if tables else Lock.NONE,
            transaction=InTransaction.REQUIRED,
            lock_timeout=limits.lock,
        )

    def take_turn(self) -> None:
        """Do nothing: whoever has the write lock is alone, and begin_batch has taken it."""

    def give_way(self, seconds: float) -> None:
        """Pause now and then, so that those who wait for the write lock find it free."""
        sharing_of(connections[self._executor.alias]).held(seconds, self._version)

    def _version(self) -> object:
        """Return what changes with every COMMIT of another connection.

        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        look = Statement(
            sql="PRAGMA data_version",
            purpose=_("See whether others have written."),
            lock=Lock.SHARED,
            lock_timeout=_GLANCE,
        )
        try:
            return self._executor.run(look).value
        except DatabaseError:  # somebody keeps the file locked, so others do write
            return None

    @contextmanager
    def tuned(self, *, erases: bool = False) -> Iterator[None]:
        """Set the connection up for moving many rows, and put everything back at the end.

        What decides about durability and about other connections (synchronous, locking_mode, WAL
        or not) stays as the project has it, and with ``erases`` so does what decides about the
        bytes of deleted rows (secure_delete, a journal that is deleted with the old pages in it).
        """
        before = {name: self._pragma(name) for name in _PRAGMAS}
        wanted = _wanted(before, int(str(self._pragma("page_size"))))
        if erases:
            wanted = {name: wanted[name] for name in wanted if name not in _ERASING}
        for name, value in wanted.items():
            self._pragma(name, value)
        try:
            yield
        finally:
            if "wal_autocheckpoint" in wanted:
                self._pragma("wal_checkpoint(PASSIVE)")
            for name in wanted:
                self._pragma(name, before[name])

    def _pragma(self, name: str, value: object = None) -> object:
        """Read a pragma, or set it; both come from the tables of this module alone."""
        sql = f"PRAGMA {name}" if value is None else f"PRAGMA {name} = {value}"
        return self._ask(sql, _("Tune the connection."))


_PRAGMAS = ("cache_size", "journal_mode", "secure_delete", "wal_autocheckpoint")
_ERASING = {"journal_mode", "secure_delete"}


def _wanted(has: dict[str, object], page_bytes: int) -> dict[str, object]:
    """Return the pragmas to change for a run, with their values.

    https://www.sqlite.org/pragma.html
    """
    wanted: dict[str, object] = {}
    # Negative sizes are KiB, positive ones pages. A larger cache of the project stays.
    cache = int(str(has["cache_size"]))
    kibibytes = -cache if cache < 0 else cache * page_bytes // 1024
    if kibibytes < (target := get_settings().sqlite_cache_bytes // 1024):
        wanted["cache_size"] = -target
    # A journal that is overwritten is as safe as one that is deleted, and spares the file system
    # making and unmaking a file with every batch.
    if has["journal_mode"] == "delete":
        wanted["journal_mode"] = "persist"
    # Without this a WAL of four megabytes is written back after every batch or two.
    if has["journal_mode"] == "wal":
        wanted["wal_autocheckpoint"] = _CHECKPOINT_BYTES // page_bytes
    # Some builds overwrite with zeros what is deleted. These rows are kept in the same file, so
    # there is nothing to hide; FAST still does it where it costs no further page.
    if has["secure_delete"] == 1:
        wanted["secure_delete"] = "fast"
    return wanted


_GLANCE = 0.05
"""Seconds that a look which may as well fail waits for a lock."""

_CHECKPOINT_BYTES = 32 * 1024 * 1024
