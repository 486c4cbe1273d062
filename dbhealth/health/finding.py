"""A finding: a fact about a database with an opinion on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MANUAL = "health.md"
"""The page of the manual with a section for every id of dbhealth's own."""

LONGEST_OBJECT = 255
"""Characters of an object's name in a key and in the history; a longer one is cut and hashed."""


class _Ordered(StrEnum):
    """Words in the order in which they are written down, the least first."""

    @property
    def rank(self) -> int:
        """The place in the order, from 0."""
        return list(type(self)).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < type(self)(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= type(self)(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > type(self)(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= type(self)(other).rank


class Level(_Ordered):
    """How much a finding matters; compares by gravity (``Level.INFO < Level.ERROR``)."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Confidence(_Ordered):
    """How sure an opinion is; compares by sureness."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def at_most(self, bound: Confidence) -> Confidence:
        """Return the lower one of the two."""
        return min(self, bound)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found about one object of one database.

    ``object`` is "table x", "index y", "sequence z", …, empty for the database itself. ``title``
    is one sentence with the figures. ``value`` and ``threshold`` are in ``unit`` ("bytes",
    "rows", "seconds", "share" for 0 to 1, …), None where nothing is measured. ``reasons`` are
    what the confidence rests on. ``why`` says what it costs, ``instead`` what to do; ``sql`` is
    what that comes to in the database, ready to be copied, and ``change`` the change of the
    Django project that does it (empty where there is none). ``file`` and ``line`` are where that
    change belongs, ``help`` where to read more.
    """

    id: str
    level: Level
    database: str
    title: str
    why: str
    instead: str
    object: str = ""
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    confidence: Confidence = Confidence.HIGH
    reasons: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    change: str = ""
    file: str = ""
    line: int = 0
    help: str = ""

    @property
    def key(self) -> str:
        """What stays the same as long as the same thing is wrong: no figure is a part of it."""
        return f"{self.id}:{self.database}:{shortened(self.object)}"

    @property
    def manual(self) -> str:
        """Where to read more: ``help``, else the section of dbhealth's manual."""
        return self.help or f"{MANUAL}#{self.id.lower().replace('.', '')}"

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for JSON."""
        names = (
            *("id", "level", "database", "object", "title", "value", "threshold", "unit"),
            *("confidence", "reasons", "why", "instead", "sql", "change", "file", "line"),
        )
        facts = {name: getattr(self, name) for name in names}
        return {"key": self.key, **facts, "help": self.manual}


def shortened(name: str) -> str:
    """Return a name that fits into a key: a long one is cut, and told apart by its hash."""
    if len(name) <= LONGEST_OBJECT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_OBJECT - 13]}~{digest}"
