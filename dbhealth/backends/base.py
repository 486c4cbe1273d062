"""What every engine offers: the parts of a backend and what they promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dbhealth.backends.condition import TableConditions
from dbhealth.backends.ddl import Ddl
from dbhealth.backends.digest import Digest
from dbhealth.backends.executor import Executor
from dbhealth.backends.features import Features
from dbhealth.backends.file import FileLook
from dbhealth.backends.index_use import IndexUses
from dbhealth.backends.indexing import Indexes
from dbhealth.backends.planning import QueryPlan
from dbhealth.backends.purging import Purging
from dbhealth.backends.records import (
    Begun,
    Column,
    ForeignKey,
    Relation,
    RelationSize,
    Standing,
)
from dbhealth.backends.restoring import Restoring
from dbhealth.backends.rows import Rows
from dbhealth.backends.selection import Limits
from dbhealth.backends.server import ServerFacts
from dbhealth.backends.statement import Statement
from dbhealth.backends.tally import Tally
from dbhealth.backends.trouble import Trouble
from dbhealth.backends.upkeep import Upkeep


class Session(Protocol):
    """The connection itself: its clock and its tuning."""

    def now(self) -> datetime:
        """Return the time of the database's clock, aware, in UTC."""

    def standing(self) -> Standing:
        """Return who asks, and whether he may write at all."""

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

    def begin_statement(
        self,
        limits: Limits,
        tables: tuple[str, ...] = (),
        *,
        snapshot: bool = False,
        alone: bool = False,
        flush: bool = True,
    ) -> Statement:
        """Return what begins a batch that writes ``tables``: their lock is held from here on.

        With ``snapshot`` all that follows sees the same rows; else each statement sees what is
        committed when it begins. ``alone`` keeps everybody else from writing the tables until the
        transaction ends. Without ``flush`` COMMIT need not wait for the disk, where the
        engine can promise that a crash takes back whole transactions only, the newest first.
        """

    def take_turn(self) -> None:
        """Wait until no other transaction that has taken its turn is open; then it is this one's.

        The transaction has to have begun with :meth:`begin_batch` on a table that it writes, whose
        limits bound the wait.
        """

    def give_way(self, seconds: float) -> None:
        """Let others have the locks that a batch has held for ``seconds``; maybe not every time.

        No transaction may be open: what it holds would stay held.
        """

    def tuned(self, *, erases: bool = False) -> AbstractContextManager[None]:
        """Tune the connection for moving many rows; put everything back at the end.

        ``erases``: rows are deleted for good. What makes the engine overwrite them stays on then.
        """


class Catalog(Protocol):
    """What tables, columns and foreign keys the database really has."""

    def relation(self, table: str) -> Relation | None:
        """Return the relation that Django calls ``table``, or None where there is none."""

    def relations(self, tables: Sequence[str]) -> tuple[Relation | None, ...]:
        """Return each of several relations, as :meth:`relation` does."""

    def columns(self, table: str) -> tuple[Column, ...]:
        """Return the columns of a table in their order, none where there is no such table."""

    def referencing(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of any table, in models or not, that point at ``table``."""

    def referencing_each(self, tables: Sequence[str]) -> tuple[tuple[ForeignKey, ...], ...]:
        """Return what points at each of several tables, as :meth:`referencing` does."""

    def tables(self) -> tuple[str, ...]:
        """Return the names of all ordinary tables that a query can name as they are."""


class Statistics(Protocol):
    """How large things are."""

    def relation_size(self, table: str) -> RelationSize | None:
        """Return bytes and rows of a table, or None where there is none."""

    def database_bytes(self) -> int:
        """Return the size of the whole database (bytes)."""

    def largest(self, limit: int) -> tuple[RelationSize, ...]:
        """Return the ``limit`` largest tables, the largest first."""


class Plans(Protocol):
    """What the planner would do."""

    def explain(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None,
        *,
        avoid_whole: bool = False,
    ) -> QueryPlan:
        """Return the plan of one statement with its parameters; nothing of it is executed."""


class Errors(Protocol):
    """What an exception of the driver means."""

    def trouble(self, error: BaseException) -> Trouble:
        """Return the kind of trouble that ``error`` stands for."""

    def grant(self, error: BaseException, role: str) -> str:
        """Return the statement that gives ``role`` the right whose lack ``error`` tells of.

        Empty where the engine has no rights.
        """

    def hint(self, trouble: Trouble) -> str:
        """Return who or what may be behind trouble of a kind on this engine, and where to look.

        Empty where there is nothing to say that does not depend on the case.
        """


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One database and what can be done with it."""

    alias: str
    features: Features
    executor: Executor
    session: Session
    catalog: Catalog
    rows: Rows
    digest: Digest
    restoring: Restoring
    statistics: Statistics
    errors: Errors
    purging: Purging
    indexes: Indexes
    use: IndexUses
    plans: Plans
    tally: Tally
    conditions: TableConditions
    ddl: Ddl
    server: ServerFacts
    file: FileLook
    upkeep: Upkeep
