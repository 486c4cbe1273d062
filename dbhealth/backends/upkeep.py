"""Upkeep: VACUUM, ANALYZE and their like, what they need, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dbhealth.backends.statement import Statement
from dbhealth.backends.steps import Deed, Step


@dataclass(frozen=True, kw_only=True)
class Vacuum:
    """How to vacuum: renew the statistics as well, freeze rows, write everything anew."""

    analyze: bool = False
    freeze: bool = False
    full: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TableUpkeep:
    """What has happened to a table since it was last vacuumed and analyzed.

    Counts are rows, by the server's estimates; None where the engine does not count. ``bytes``
    is the table with its indexes and out-of-line values. ``age`` is how many transactions old its
    oldest unfrozen row may be. The limits are those at which the server itself would see to it.
    ``allowed`` is false where the role may not vacuum the table, ``parent`` is true for a
    partitioned one, which holds nothing itself.
    """

    table: str
    rows: int | None = None
    dead: int | None = None
    changed: int | None = None
    inserted: int | None = None
    age: int | None = None
    bytes: int | None = None
    dead_limit: float = 0.0
    changed_limit: float = 0.0
    inserted_limit: float = 0.0
    age_limit: float = 0.0
    allowed: bool = True
    parent: bool = False

    @property
    def dead_share(self) -> float | None:
        """Dead rows as a part of all rows (0 to 1), None where nobody counts."""
        if self.dead is None:
            return None
        every = self.dead + (self.rows or 0)
        return self.dead / every if every else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """Free disk that writing something anew takes: ``needed`` and ``free`` in bytes.

    ``free`` is None where nobody can tell from here.
    """

    place: str
    needed: int
    free: int | None = None

    @property
    def is_short(self) -> bool:
        """Whether there is not enough."""
        return self.free is not None and self.free < self.needed


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkProgress:
    """How far a long statement is: ``done`` of ``total`` in the ``unit`` that its phase counts.

    ``total`` 0: the phase counts nothing. ``about`` is the table or the index at work.
    """

    about: str
    phase: str
    done: int = 0
    total: int = 0
    unit: str = "steps"


class Upkeep(Protocol):
    """Upkeep of tables. Tables are named as Django names them."""

    def tables(self, tables: Sequence[str] | None = None) -> tuple[TableUpkeep, ...]:
        """Return what each table, or each of those named, has been through, by name.

        Partitions stand for themselves. Waits for no lock.
        """

    def dead_share(self) -> float | None:
        """Return the free part of the whole file (0 to 1), None on an engine without such a file.

        What :meth:`vacuum` of that engine can win.
        """

    def before(self) -> tuple[Step, ...]:
        """Return what looks whether the database is sound, before it is written anew."""

    def vacuum(self, tables: Sequence[str], how: Vacuum) -> tuple[Step, ...]:
        """Return what vacuums tables; on an engine that cannot do less, the whole database."""

    def analyze(self, table: str) -> Statement:
        """Return what renews the planner's statistics of a table."""

    def after(self) -> tuple[Step, ...]:
        """Return what is worth doing at the end of any upkeep."""

    def complaint(self, deed: Deed, rows: Sequence[tuple[Any, ...]]) -> str:
        """Return what is wrong by the rows that a step of this kind gave back, empty if nothing."""

    def room(self, tables: Sequence[str], how: Vacuum) -> tuple[Room, ...]:
        """Return the free disk that :meth:`vacuum` takes while it works, by place."""

    def progress(self, pid: int) -> WorkProgress | None:
        """Return how far the statement of a session is, None where nobody tells."""
