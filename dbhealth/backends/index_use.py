"""How indexes are used: what every engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dbhealth.backends.index_records import Bloat, Index, UseReport


class IndexUses(Protocol):
    """What is known of the use of indexes, of their tables, and of the room that they take.

    Tables have the names by which Django calls them, the same as in Indexes.
    """

    def report(self, *, columns: bool = True) -> UseReport:
        """Return the figures of all user tables and their indexes, as of now.

        Without ``columns`` nothing is read of what ANALYZE found out about columns, nor foreign
        keys. Never waits
        longer than half a second for somebody's lock: sizes that would take longer are estimated
        from page counts (``exact_bytes`` is false then), and ``left_out`` names their tables.
        """

    def estimated_bloat(self, indexes: Sequence[Index], report: UseReport) -> tuple[Bloat, ...]:
        """Return how much larger some of ``indexes`` are than their entries need; asks nothing.

        Only for indexes of which the figures of ``report`` (with columns) allow an estimate; where
        the figures leave room the estimate is too small rather than too large.
        """

    def exact_bloat(self, indexes: Sequence[Index], *, seconds: float) -> tuple[Bloat, ...]:
        """Read ``indexes`` page by page and return what they waste.

        Those that are locked, or are of a method that cannot be read so, are not in the answer.
        None at all where all of them take longer than ``seconds``, or the server has no means for
        it (PostgreSQL: the extension pgstattuple and the right to use it).
        """
