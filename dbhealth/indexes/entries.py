"""The records of drift: what is declared and what is there, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dbhealth.backends.index_records import Index
from dbhealth.indexes.kinds import Declared


class Status(StrEnum):
    """How an index stands between the code and the database."""

    PRESENT = "present"
    RENAMED = "renamed"
    MISSING = "missing"
    PENDING = "pending"
    UNMIGRATED = "unmigrated"
    UNJUDGED = "unjudged"
    UNDECLARED = "undeclared"
    DIFFERS = "differs"
    INVALID = "invalid"
    BUILDING = "building"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One index: ``declared`` is None where no code asks for it, ``index`` where there is none.

    ``name`` is the one in the database where there is an index, else the declared one. ``why``
    says in a sentence what the status does not; it is empty where there is nothing to say.
    """

    status: Status
    table: str
    name: str
    declared: Declared | None
    index: Index | None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """All indexes of the tables of installed models, by table and name.

    ``left_out`` are tables that another session holds locked; nothing is said of them. Where the
    table of applied migrations is one, the entries that depend on it are UNJUDGED.
    ``absent`` are tables that the database does not have although no migration waits to make
    them. ``foreign`` is how many indexes stand on tables that are no installed model's.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    foreign: int = 0

    def by(self, *statuses: Status) -> tuple[Entry, ...]:
        """Return the entries that have one of these statuses."""
        return tuple(entry for entry in self.entries if entry.status in statuses)
