"""Upkeep on SQLite: VACUUM writes the whole file anew, and there is no less than the whole.

https://www.sqlite.org/lang_vacuum.html, https://www.sqlite.org/pragma.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.sqlite.room import places
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.backends.steps import WHOLE, Deed, Step
from dbhealth.backends.upkeep import Room, Vacuum, WorkProgress
from dbhealth.conf import get_settings
from dbhealth.saying import joined
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

_INCREMENTAL = 2
"""PRAGMA auto_vacuum: free pages stay in the file until they are asked for."""

_SAID = 5
"""So many lines of a check are shown."""


class SqliteUpkeep:
    """VACUUM and what belongs to it."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def _look(self, sql: str) -> list[tuple[Any, ...]]:
        statement = Statement(sql=sql, purpose=_("See what the file needs."), lock=Lock.SHARED)
        return self._executor.run(statement).rows

    def _pragma(self, name: str) -> Any:
        return self._look(f"PRAGMA {name}")[0][0]

    def forbidden(self) -> frozenset[str]:
        """Return nothing: who may write the file may do this."""
        return frozenset()

    def before(self) -> tuple[Step, ...]:
        """Return the two checks. What is damaged must not be written over what is sound."""
        integrity = _read("PRAGMA integrity_check", _("See whether the file is sound."))
        keys = _read("PRAGMA foreign_key_check", _("See whether every foreign key has its row."))
        return (
            Step(deed=Deed.CHECK, table=WHOLE, statements=(integrity,)),
            Step(deed=Deed.CHECK_KEYS, table=WHOLE, statements=(keys,)),
        )

    def vacuum(self, tables: Sequence[str], how: Vacuum) -> tuple[Step, ...]:
        """Return VACUUM, or where the file is made for it and not ``full``, less than that."""
        if not tables:
            return ()
        if self._is_rewritten(how):
            steps = [Step(deed=Deed.VACUUM, table=WHOLE, statements=(_vacuum(),))]
        else:
            steps = [Step(deed=Deed.SHRINK, table=WHOLE, statements=(_shrink(),))]
        for table in tables if how.analyze else ():
            statements = (self.analyze(table),)
            steps.append(Step(deed=Deed.ANALYZE, table=table, statements=statements))
        return tuple(steps)

    def _is_rewritten(self, how: Vacuum) -> bool:
        return how.full or int(self._pragma("auto_vacuum")) != _INCREMENTAL

    def analyze(self, table: str) -> Statement:
        """Return ANALYZE of one table; it writes sqlite_stat1."""
        return _write(
            f"ANALYZE {in_sql(table)}", _("Renew the statistics of {table}.", table=table)
        )

    def after(self) -> tuple[Step, ...]:
        """Return PRAGMA optimize and, where there is a WAL, a checkpoint that empties it."""
        # The bits: do it (2), for all tables and not only those this connection has read (65536).
        optimize = Statement(
            sql="PRAGMA optimize = 0x10002",
            purpose=_("Renew what the planner lacks."),
            lock=Lock.RESERVED,
            transaction=InTransaction.FORBIDDEN,
            lock_timeout=get_settings().lock_timeout,
        )
        steps = [Step(deed=Deed.OPTIMIZE, table=WHOLE, statements=(optimize,))]
        if self._pragma("journal_mode") == "wal":
            checkpoint = Statement(
                sql="PRAGMA wal_checkpoint(TRUNCATE)",
                purpose=_("Write the WAL back into the file, and make it empty."),
                lock=Lock.EXCLUSIVE,
                transaction=InTransaction.FORBIDDEN,
                lock_timeout=get_settings().lock_timeout,
            )
            steps.append(Step(deed=Deed.CHECKPOINT, table=WHOLE, statements=(checkpoint,)))
        return tuple(steps)

    def complaint(self, deed: Deed, rows: Sequence[tuple[Any, ...]]) -> str:
        """Return what the checks and the checkpoint found wrong."""
        if deed is Deed.CHECK and list(rows) != [("ok",)]:
            said = [str(row[0]) for row in rows[:_SAID]]
            return _("The file is damaged: {complaints}", complaints="; ".join(said))
        if deed is Deed.CHECK_KEYS and rows:
            counts = Counter((table, parent) for table, _rowid, parent, _number in rows)
            told = [
                ngettext(
                    "{number} of {table} points at {parent}",
                    "{number} of {table} point at {parent}",
                    count,
                    table=table,
                    parent=parent,
                )
                for (table, parent), count in counts.most_common(_SAID)
            ]
            return _("Rows point at rows that are not there: {rows}.", rows=joined(told, "; "))
        if deed is Deed.CHECKPOINT and rows and rows[0][0]:
            return _("Another connection reads from the WAL, or writes to it.")
        return ""

    def room(self, tables: Mapping[str, int], how: Vacuum) -> tuple[Room, ...]:
        """Return the copy that VACUUM makes, and the journal of writing it back."""
        if not tables or not self._is_rewritten(how):
            return ()
        page, pages = int(self._pragma("page_size")), int(self._pragma("page_count"))
        used = pages - int(self._pragma("freelist_count"))
        files = {name: path for _, name, path in self._look("PRAGMA database_list")}
        in_memory = int(self._pragma("temp_store")) == 2
        return places(files["main"], copy=0 if in_memory else used * page, journal=pages * page)

    def progress(self, pid: int) -> WorkProgress | None:
        """Return None: SQLite does not tell how far a statement is."""
        return None


def _read(sql: str, purpose: str) -> Statement:
    return Statement(
        sql=sql,
        purpose=purpose,
        lock=Lock.SHARED,
        transaction=InTransaction.FORBIDDEN,
        lock_timeout=get_settings().lock_timeout,
    )


def _write(sql: str, purpose: str) -> Statement:
    return Statement(
        sql=sql,
        purpose=purpose,
        lock=Lock.RESERVED,
        lock_timeout=get_settings().lock_timeout,
    )


def _vacuum() -> Statement:
    return Statement(
        sql="VACUUM main",
        purpose=_("Write the whole database file anew, without the space of deleted rows."),
        lock=Lock.EXCLUSIVE,
        transaction=InTransaction.FORBIDDEN,
        lock_timeout=get_settings().lock_timeout,
    )


def _shrink() -> Statement:
    return Statement(
        sql="PRAGMA incremental_vacuum",
        purpose=_("Give the free pages at the end of the file back to the disk."),
        lock=Lock.RESERVED,
        transaction=InTransaction.FORBIDDEN,
        lock_timeout=get_settings().lock_timeout,
        to_the_end=True,
    )
