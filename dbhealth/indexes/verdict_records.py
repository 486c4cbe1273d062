"""What a verdict on an index is, and what it is reached from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dbhealth.backends.index_records import Index, IndexUse, TableUse
from dbhealth.health.finding import Confidence, Level

if TYPE_CHECKING:
    from dbhealth.indexes.kinds import Declared

__all__ = ["Code", "Confidence", "Level", "Subject", "Verdict"]


class Code(StrEnum):
    """What can be said of an index; docs/indexes.md has a section for each."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"
    COVERED = "covered"
    UNUSED = "unused"
    RARELY_USED = "rarely-used"
    BLOATED = "bloated"
    NULL_HEAVY = "null-heavy"
    LOW_CARDINALITY = "low-cardinality"


class Verdict(NamedTuple):
    """One opinion on an index.

    ``reasons`` are what the confidence rests on. ``change`` says what to write where in the
    project, ``sql`` what that comes to in the database (empty where nothing is to be run).
    ``other`` is the index that makes this one superfluous.
    """

    code: Code
    level: Level
    confidence: Confidence
    reasons: tuple[str, ...]
    why: str
    change: str = ""
    sql: str = ""
    other: str = ""

    def because(self, reason: str) -> Verdict:
        """Return it with one more reason; an empty one adds nothing."""
        return self._replace(reasons=(*self.reasons, reason)) if reason else self


@dataclass(frozen=True, slots=True)
class Subject:
    """An index with its figures, its table's, and who declares it (None: nobody)."""

    index: Index
    use: IndexUse
    table: TableUse
    owner: Declared | None

    @property
    def share(self) -> float | None:
        """The part of the searches and readings of its table that it serves (0 to 1)."""
        scans, table = self.use.scans, self.table
        if scans is None or (table.index_scans is None and table.sequential_scans is None):
            return None
        reads = (table.index_scans or 0) + (table.sequential_scans or 0)
        return min(1.0, scans / reads) if reads else None

    @property
    def hit_ratio(self) -> float | None:
        """The part of its pages that was found in the buffer cache (0 to 1)."""
        read, hit = self.use.blocks_read, self.use.blocks_hit
        return hit / (read + hit) if read is not None and hit is not None and read + hit else None
