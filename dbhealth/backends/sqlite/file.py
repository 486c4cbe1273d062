"""The database file: its pragmas, who has it open, and whether it is sound.

https://www.sqlite.org/pragma.html
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from django.db import DatabaseError

from dbhealth.backends.cures import FileCures
from dbhealth.backends.executor import Executor
from dbhealth.backends.file import Dangling, FileFacts, Holder
from dbhealth.backends.names import in_sql
from dbhealth.backends.statement import Lock, Statement

_FACTS = """
    SELECT coalesce((SELECT file FROM pragma_database_list WHERE name = 'main'), ''),
           (SELECT journal_mode FROM pragma_journal_mode),
           (SELECT synchronous FROM pragma_synchronous),
           (SELECT foreign_keys FROM pragma_foreign_keys),
           (SELECT page_size FROM pragma_page_size),
           (SELECT page_count FROM pragma_page_count),
           (SELECT freelist_count FROM pragma_freelist_count),
           (SELECT auto_vacuum FROM pragma_auto_vacuum)
"""

_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")

_CURES = FileCures(
    wal="PRAGMA journal_mode = wal;",
    full_synchronous="PRAGMA synchronous = NORMAL;",
    enforce_keys="PRAGMA foreign_keys = ON;",
    checkpoint="PRAGMA wal_checkpoint(TRUNCATE);",
    shrink="VACUUM;",
    shrink_a_little="PRAGMA incremental_vacuum;",
    analyze="ANALYZE;",
    rebuild_indexes="REINDEX;",
    recover=".recover",
)

_DAMAGED = {11, 26}
"""SQLITE_CORRUPT and SQLITE_NOTADB: https://www.sqlite.org/rescode.html"""

_SAID = 10
"""Lines of a check that are kept, and rows of a table that point nowhere."""


class SqliteFile:
    """What the file is like. Nothing here writes to it."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _look(self, sql: str) -> list[tuple[Any, ...]]:
        statement = Statement(sql=sql, purpose="Look at the file.", lock=Lock.SHARED)
        return self._executor.run(statement).rows

    @property
    def cures(self) -> FileCures:
        """The statements that mend what the facts are about."""
        return _CURES

    def facts(self) -> FileFacts:
        """Return what the file and the connection say of themselves; reads no table."""
        path, mode, synchronous, keys, size, pages, free, vacuum = self._look(_FACTS)[0]
        return FileFacts(
            path=path,
            journal_mode=mode,
            synchronous=_SYNCHRONOUS[synchronous],
            foreign_keys=bool(keys),
            page_size=size,
            pages=pages,
            free_pages=free,
            wal_bytes=_size(f"{path}-wal") if path else 0,
            # There is no function for this pragma.
            checkpoint_pages=int(self._look("PRAGMA wal_autocheckpoint")[0][0]),
            auto_vacuum=bool(vacuum),
        )

    def holders(self) -> tuple[Holder, ...]:
        """Return the other processes that have the file open, as far as this user may see them."""
        path = self.facts().path
        try:
            wanted = os.stat(path) if path else None
        except OSError:
            wanted = None
        if wanted is None:
            return ()
        file = (wanted.st_dev, wanted.st_ino)
        found = (_holder(process, file) for process in _processes())
        return tuple(holder for holder in found if holder is not None)

    def damage(self, *, whole: bool) -> tuple[str, ...]:
        """Read the file and return what is wrong with its structure, a few lines of it."""
        check = "integrity_check" if whole else "quick_check"
        try:
            said = [str(row[0]) for row in self._look(f"PRAGMA {check}({_SAID})")]
        except DatabaseError as error:
            # So badly damaged that not even the check gets through.
            if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                raise
            return (str(error),)
        return () if said == ["ok"] else tuple(said)

    def has_rows(self, table: str, least: int) -> bool:
        """Return whether a table has ``least`` rows; reads so many of them at the most."""
        some = f"SELECT 1 FROM {in_sql(table)} LIMIT {int(least)}"
        return bool(self._look(f"SELECT count(*) >= {int(least)} FROM ({some})")[0][0])

    def dangling(self) -> tuple[Dangling, ...]:
        """Read all foreign keys and return those that point nowhere, by table."""
        rows = self._look("PRAGMA foreign_key_check")
        counts = Counter((table, target, number) for table, _rowid, target, number in rows)
        return tuple(
            Dangling(
                table=table,
                target=target,
                column=self._column(table, number),
                rows=count,
                rowids=tuple(
                    row[1] for row in rows if row[1] is not None and (row[0], row[3]) == key
                )[:_SAID],
            )
            for (table, target, number), count in sorted(counts.items())
            for key in [(table, number)]
        )

    def _column(self, table: str, number: int) -> str:
        links = self._look(f"PRAGMA foreign_key_list({in_sql(table)})")
        return ", ".join(str(link[3]) for link in links if link[0] == number)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _processes() -> list[Path]:
    try:
        return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _holder(process: Path, file: tuple[int, int]) -> Holder | None:
    """Return the process if it has the file open; those of other users cannot be seen."""
    if int(process.name) == os.getpid():
        return None
    try:
        if not any(_is_file(entry, file) for entry in (process / "fd").iterdir()):
            return None
        return Holder(pid=int(process.name), command=(process / "comm").read_text().strip())
    except OSError:
        return None


def _is_file(entry: Path, file: tuple[int, int]) -> bool:
    try:
        found = entry.stat()
    except OSError:  # closed meanwhile
        return False
    return (found.st_dev, found.st_ino) == file
