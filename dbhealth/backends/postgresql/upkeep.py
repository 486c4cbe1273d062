"""Upkeep on PostgreSQL: one table after the other, beside the work of others unless it is FULL.

https://www.postgresql.org/docs/current/sql-vacuum.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dbhealth.backends.ddl import LONGEST_WORK
from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.postgresql import upkeep_sql
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.backends.steps import Deed, Step
from dbhealth.backends.upkeep import Room, Vacuum, WorkProgress
from dbhealth.conf import get_settings
from dbhealth.saying import joined
from dbhealth.saying import say as _


class PostgresUpkeep:
    """VACUUM and ANALYZE of single tables."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def forbidden(self) -> frozenset[str]:
        """Return the tables of others; VACUUM would pass over them with a warning only."""
        return frozenset(name for (name,) in self._look(upkeep_sql.FORBIDDEN))

    def _look(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=params,
            purpose=_("See who may do what, and how far it is."),
            lock=Lock.ACCESS_SHARE,
            lock_timeout=1.0,
        )
        return self._executor.run(statement).rows

    def before(self) -> tuple[Step, ...]:
        """Return nothing: VACUUM does no harm to a table that is not sound."""
        return ()

    def vacuum(self, tables: Sequence[str], how: Vacuum) -> tuple[Step, ...]:
        """Return VACUUM of each table, with its options."""
        return tuple(
            Step(deed=Deed.VACUUM, table=table, statements=(_vacuum(table, how),))
            for table in tables
        )

    def analyze(self, table: str) -> Statement:
        """Return ANALYZE of one table."""
        return _beside_others(
            f"ANALYZE {in_sql(table)}", _("Renew the statistics of {table}.", table=table)
        )

    def after(self) -> tuple[Step, ...]:
        """Return nothing."""
        return ()

    def complaint(self, deed: Deed, rows: Sequence[tuple[Any, ...]]) -> str:
        """Return nothing: what goes wrong is an error."""
        return ""

    def room(self, tables: Mapping[str, int], how: Vacuum) -> tuple[Room, ...]:
        """Return the size of the largest table, which FULL writes beside the old one.

        The server does not tell how much is free on its disk.
        """
        if not how.full or not tables:
            return ()
        return (Room(place=_("the server's disk"), needed=max(tables.values())),)

    def progress(self, pid: int) -> WorkProgress | None:
        """Return what pg_stat_progress_vacuum, _analyze, _cluster and _create_index say."""
        rows = self._look(upkeep_sql.PROGRESS, pid)
        if not rows:
            return None
        about, phase, done, total, unit = rows[0]
        return WorkProgress(
            about=about, phase=phase, done=int(done or 0), total=int(total or 0), unit=unit
        )


def _vacuum(table: str, how: Vacuum) -> Statement:
    given = {"FULL": how.full, "FREEZE": how.freeze, "ANALYZE": how.analyze}
    names = ", ".join(name for name, is_given in given.items() if is_given)
    sql = f"VACUUM ({names}) {in_sql(table)}" if names else f"VACUUM {in_sql(table)}"
    purpose = _purpose(table, how)
    if how.full:
        return Statement(
            sql=sql,
            purpose=purpose,
            lock=Lock.ACCESS_EXCLUSIVE,
            transaction=InTransaction.FORBIDDEN,
            lock_timeout=get_settings().lock_timeout,
            statement_timeout=LONGEST_WORK,
        )
    return _beside_others(sql, purpose)


def _purpose(table: str, how: Vacuum) -> str:
    if how.full:
        told = _(
            "Write {table} and its indexes anew; nobody reads or writes it until that is done.",
            table=table,
        )
    elif how.freeze:
        told = _("Make the space of dead rows of {table} free and freeze all rows.", table=table)
    else:
        told = _("Make the space of dead rows of {table} free.", table=table)
    return joined((told, _("Renew its statistics.")), " ") if how.analyze else told


def _beside_others(sql: str, purpose: str) -> Statement:
    return Statement(
        sql=sql,
        purpose=purpose,
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        transaction=InTransaction.FORBIDDEN,
        lock_timeout=get_settings().lock_timeout,
        statement_timeout=LONGEST_WORK,
    )
