"""Upkeep: VACUUM, ANALYZE and their like, what they need, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def forbidden(self) -> frozenset[str]:
        """Return the tables that this role may not vacuum."""

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

    def room(self, tables: Mapping[str, int], how: Vacuum) -> tuple[Room, ...]:
        """Return the free disk that :meth:`vacuum` of tables takes while it works, by place.

        ``tables`` are they with their sizes, indexes and out-of-line values included (bytes).
        """

    def progress(self, pid: int) -> WorkProgress | None:
        """Return how far the statement of a session is, None where nobody tells."""
