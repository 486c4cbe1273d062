"""Writes what the recorder has counted into its tables, and clears away what is too old."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from django.db import connections, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from dbhealth.backends import get_backend
from dbhealth.backends.apart import apart, has_room_apart
from dbhealth.backends.tally import Columns
from dbhealth.clock import kept
from dbhealth.conf import get_settings
from dbhealth.queries.explain import ask_for_plans
from dbhealth.queries.home import home_of
from dbhealth.queries.memory import Database, Memory, Pending
from dbhealth.queries.models import RecordedStatement, RecordedUse

log = logging.getLogger("dbhealth.queries")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """For how long the planner is asked, and the longest wait for a lock (seconds).

    What cannot be done in this time is done the next time.
    """

    asking: float
    waiting: float


HURRIED = Patience(asking=0.25, waiting=0.2)
"""While somebody waits for the answer to a query of theirs."""

UNHURRIED = Patience(asking=5.0, waiting=2.0)
"""At the end of a block or of the process."""

KEPT_STATEMENTS = 20
"""The texts of so many statements are kept for an index, those that were used last."""

_DAY = 86_400.0

_USES = Columns(key=("database", "table", "index", "day"), added=("uses",), latest=("last_used",))
_STATEMENTS = Columns(
    key=("database", "table", "index", "fingerprint"), latest=("last_used",), kept=("sql",)
)


class Writer:
    """Empties a memory into the tables. One thread at a time does it; see ``capture``."""

    def __init__(self, memory: Memory) -> None:
        """Keep the memory."""
        self._memory = memory
        self._cleared: dict[str, float] = {}
        self._complained: set[str] = set()

    def write(self, patience: Patience) -> None:
        """Explain what is new and write all counts; raises nothing but what ends a process.

        ``patience`` is for each database. What cannot be written stays in the memory.
        """
        for database in self._memory.databases():
            alias, name = database
            # The tests of a project have databases of their own, and leave.
            if alias not in connections or connections[alias].settings_dict["NAME"] != name:
                self._memory.forget(database)
                continue
            try:
                if has_room_apart(alias) and has_room_apart(home_of(alias)):
                    self._write_one(database, patience)
            except Exception as error:
                self._complain(alias, error)

    def _write_one(self, database: Database, patience: Patience) -> None:
        alias = database[0]
        with apart(alias, wait=patience.waiting):
            ask_for_plans(self._memory, database, patience.asking)
            pending = self._memory.take(database)
            try:
                if home_of(alias) == alias:
                    self._store(alias, alias, pending, patience)
                else:
                    with apart(home_of(alias), wait=patience.waiting):
                        self._store(alias, home_of(alias), pending, patience)
            except BaseException:
                self._memory.give_back(database, pending)
                raise

    def _store(self, alias: str, home: str, pending: Pending, patience: Patience) -> None:
        tally = get_backend(home).tally
        uses = [
            (alias, index.table, index.name, day, int(count), kept(last))
            for (index, day), (count, last) in pending.uses.items()
        ]
        statements = [
            (alias, index.table, index.name, mark, kept(last), text)
            for (index, mark), (text, last) in pending.statements.items()
        ]
        with transaction.atomic(using=home):
            tally.add(RecordedUse, _USES, uses, wait=patience.waiting)
            tally.add(RecordedStatement, _STATEMENTS, statements, wait=patience.waiting)
        # From here on nothing may be given back: it would be counted twice.
        pending.uses.clear()
        pending.statements.clear()
        if monotonic() - self._cleared.get(alias, -_DAY) >= _DAY:
            self._cleared[alias] = monotonic()
            clear_away(alias, home)

    def _complain(self, alias: str, error: Exception) -> None:
        level = logging.DEBUG if alias in self._complained else logging.WARNING
        self._complained.add(alias)
        log.log(
            level,
            "The recorded uses of indexes of the database %r could not be written and are kept in "
            "memory for the next time: %s. Has `manage.py migrate` run there?",
            alias,
            error,
        )


def clear_away(alias: str, home: str) -> None:
    """Delete what is older than RECORD_DAYS, and the texts beyond the newest of each index."""
    limit = datetime.now(UTC) - timedelta(days=get_settings().record_days)
    uses = RecordedUse.objects.using(home).filter(database=alias)
    uses.filter(day__lt=limit.date()).delete()
    statements = RecordedStatement.objects.using(home).filter(database=alias)
    statements.filter(last_used__lt=kept(limit)).delete()
    rank = Window(
        RowNumber(), partition_by=[F("table"), F("index")], order_by=F("last_used").desc()
    )
    surplus = statements.annotate(rank=rank).filter(rank__gt=KEPT_STATEMENTS)
    statements.filter(pk__in=list(surplus.values_list("pk", flat=True)[:10_000])).delete()
