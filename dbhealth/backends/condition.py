"""The condition of tables: what every engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dbhealth.backends.index_records import StatisticsSource


class Due(StrEnum):
    """Why the server's own upkeep would turn to a table the next time that it comes by."""

    DEAD = "dead rows"
    INSERTED = "inserted rows"
    AGE = "transaction age"
    MULTIXACT_AGE = "multixact age"
    TOAST = "TOAST"
    """One of the above, of the table's out-of-line values."""
    CHANGED = "changed rows"
    """ANALYZE; all others are VACUUM."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Autovacuum:
    """Where the server begins its own upkeep of a table, by its options and the server's settings.

    The limits are in rows and in transactions; ``inserted`` None: inserted rows alone are no
    reason. ``enabled`` is false where the table's own options switch it off, ``due`` are the
    reasons for which it would come by now.
    """

    dead: float
    inserted: float | None
    changed: float
    age: int
    multixact_age: int
    enabled: bool = True
    due: tuple[Due, ...] = ()

    @property
    def vacuum_due(self) -> bool:
        """Whether it would be vacuumed."""
        return any(reason is not Due.CHANGED for reason in self.due)

    @property
    def analyze_due(self) -> bool:
        """Whether it would be analyzed."""
        return Due.CHANGED in self.due


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCondition:
    """How a table stands; None where the engine does not tell.

    ``kind`` is "table", "partitioned table" (which holds nothing itself) or "materialized view";
    ``parent`` is the partitioned table that it belongs to. ``rows`` and ``dead_rows`` are the
    server's estimates, ``changed_rows`` those since ANALYZE, ``inserted_rows`` since VACUUM; what
    has been inserted, updated and deleted counts since the statistics began. ``new_page_updates``
    found no room in the old row's page. ``age`` and ``multixact_age`` are how old the oldest
    unfrozen row may be, TOAST included (transactions). ``bytes`` is the table alone. ``measured``
    is false where the sizes are page counts of the last VACUUM or ANALYZE. ``analyzed_rows`` is
    how many rows the planner believes in, None where no ANALYZE has been. ``readable`` tells
    whether the role that asks may read the table, and so what ANALYZE found out about it.
    """

    table: str
    kind: str = "table"
    parent: str = ""
    oid: int = 0
    rows: int | None = None
    dead_rows: int | None = None
    changed_rows: int | None = None
    inserted_rows: int | None = None
    inserts: int | None = None
    updates: int | None = None
    deletes: int | None = None
    hot_updates: int | None = None
    new_page_updates: int | None = None
    last_vacuum: datetime | None = None
    last_autovacuum: datetime | None = None
    last_analyze: datetime | None = None
    last_autoanalyze: datetime | None = None
    vacuums: int | None = None
    autovacuums: int | None = None
    analyzes: int | None = None
    autoanalyzes: int | None = None
    age: int | None = None
    multixact_age: int | None = None
    bytes: int | None = None
    toast_bytes: int | None = None
    index_bytes: int | None = None
    unused_bytes: int | None = None
    measured: bool = True
    blocks_read: int | None = None
    blocks_hit: int | None = None
    options: tuple[str, ...] = ()
    autovacuum: Autovacuum | None = None
    analyzed_rows: int | None = None
    readable: bool = True

    @property
    def total_bytes(self) -> int | None:
        """The table with its indexes and out-of-line values, None where nobody tells."""
        if self.bytes is None:
            return None
        return self.bytes + (self.toast_bytes or 0) + (self.index_bytes or 0)

    @property
    def dead_share(self) -> float | None:
        """Dead rows as a part of all (0 to 1)."""
        if self.dead_rows is None:
            return None
        return _share(self.dead_rows, self.dead_rows + (self.rows or 0)) or 0.0

    @property
    def hot_share(self) -> float | None:
        """Updates that had to touch no index (0 to 1), None where there were none."""
        return _share(self.hot_updates, self.updates)

    @property
    def new_page_share(self) -> float | None:
        """Updates that had to go to another page (0 to 1), None where there were none."""
        return _share(self.new_page_updates, self.updates)

    @property
    def hit_share(self) -> float | None:
        """Pages that were found in the server's cache (0 to 1), None where none was read."""
        return _share(self.blocks_hit, (self.blocks_hit or 0) + (self.blocks_read or 0))

    @property
    def vacuumed_at(self) -> datetime | None:
        """When it was last vacuumed by anybody."""
        return max((at for at in (self.last_vacuum, self.last_autovacuum) if at), default=None)

    @property
    def analyzed_at(self) -> datetime | None:
        """When it was last analyzed by anybody."""
        return max((at for at in (self.last_analyze, self.last_autoanalyze) if at), default=None)


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """The condition of all tables of a database, read at one moment.

    ``autovacuum`` is false where the server does no upkeep of its own but against wraparound, None
    on an engine that has no such thing; ``naptime`` is how often it comes by (seconds). Sizes of
    the tables in ``left_out`` could not be measured, for another session holds them.
    """

    source: StatisticsSource
    tables: tuple[TableCondition, ...]
    autovacuum: bool | None = None
    naptime: float | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TableBloat:
    """Room that a table takes beside its rows, out-of-line values apart (bytes).

    ``source`` says in words where the figure comes from; ``exact`` is false for an estimate.
    """

    table: str
    bytes: int
    wasted_bytes: int
    source: str
    exact: bool

    @property
    def share(self) -> float:
        """The wasted part (0 to 1)."""
        return self.wasted_bytes / self.bytes if self.bytes else 0.0


class TableCures(Protocol):
    """What mends a table. Each is SQL that can be copied, with its semicolon."""

    def vacuum(self, table: str) -> str:
        """Return what makes the room of dead rows usable again, and renews the statistics."""

    def analyze(self, table: str) -> str:
        """Return what renews the planner's statistics."""

    def rewrite(self, table: str) -> str:
        """Return what writes the table anew, while nobody can read it."""

    def let_autovacuum(self, table: str) -> str:
        """Return what takes back that the server's own upkeep was switched off for the table."""

    def sooner(self, table: str, rows: int) -> str:
        """Return what lets that upkeep come after so many dead rows, however large it is."""

    def leave_room(self, table: str, percent: int) -> str:
        """Return what leaves a part of each new page for updates of its rows."""


class TableConditions(Protocol):
    """How tables stand. Tables have the names by which Django calls them."""

    @property
    def cures(self) -> TableCures:
        """The statements that mend tables on a server (``features.has_sessions``)."""

    def report(self, *, sizes: bool = True) -> Conditions:
        """Return the condition of all user tables, partitions for themselves, by name.

        Without ``sizes`` nothing is read for them alone. Never waits longer than half a second
        for somebody's lock: sizes that would take longer are those of the last VACUUM or ANALYZE
        (``measured`` is false then), and ``left_out`` names their tables.
        """

    def estimated_bloat(self, tables: Sequence[TableCondition]) -> tuple[TableBloat, ...]:
        """Return how much larger those of ``tables`` are than their rows need, in one statement.

        Only of those whose columns ANALYZE has seen and the role may read.
        """

    def exact_bloat(
        self, tables: Sequence[TableCondition], *, seconds: float
    ) -> tuple[TableBloat, ...]:
        """Read ``tables`` page by page, in their order, and return what they waste.

        Stops when ``seconds`` are over: those that were not read by then or are locked are not in
        the answer. None at all where the server has no means for it (PostgreSQL: the extension
        pgstattuple and the right to use it).
        """
