"""How the tables of a database stand: what db_stats shows of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from dbhealth.backends import check_alias, get_backend
from dbhealth.backends.condition import Autovacuum, Conditions, TableBloat, TableCondition
from dbhealth.maintenance.growth import Growth, SizeHistory
from dbhealth.maintenance.sizes import Sizes, sizes_of

BLOAT_FROM = 1024 * 1024
"""From this size of a table on its bloat is estimated (bytes)."""


@dataclass(frozen=True, kw_only=True)
class TableState:
    """A table's condition, what it wastes, and how it grows with its indexes."""

    condition: TableCondition
    bloat: TableBloat | None
    growth: Growth | None

    def as_dict(self) -> dict[str, Any]:
        """Return all figures for JSON, times as ISO text."""
        table = self.condition
        figures = {item.name: getattr(table, item.name) for item in fields(table)}
        for name in ("total_bytes", "dead_share", "hot_share", "new_page_share", "hit_share"):
            figures[name] = getattr(table, name)
        return {
            **{name: _plain(value) for name, value in figures.items() if name != "oid"},
            "bloat": None if self.bloat is None else {**asdict(self.bloat)},
            "growth": None if self.growth is None else self.growth.as_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class IndexSize:
    """How large an index is (bytes), and how it grows."""

    table: str
    index: str
    bytes: int
    growth: Growth | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        growth = None if self.growth is None else self.growth.as_dict()
        return {"table": self.table, "index": self.index, "bytes": self.bytes, "growth": growth}


@dataclass(frozen=True, kw_only=True)
class DatabaseState:
    """A database with its tables by name and its indexes, the largest first.

    ``left_out`` are tables that somebody holds, so that their sizes could not be measured.
    """

    bytes: int
    growth: Growth | None
    tables: tuple[TableState, ...]
    indexes: tuple[IndexSize, ...]
    autovacuum: bool | None
    left_out: tuple[str, ...]


def database_state(alias: str, *, exact_seconds: float | None = None) -> DatabaseState:
    """Return how a database stands, with its growth since the snapshots of the last 90 days.

    ``exact_seconds``: read the tables, the largest first, page by page for so long instead of
    guessing what they waste. Raises UsageError for an alias that DATABASES lacks, and Django's
    database errors.
    """
    check_alias(alias)
    backend = get_backend(alias)
    report = backend.conditions.report()
    sizes = sizes_of(backend, report)
    history = SizeHistory(alias, report.source)
    return DatabaseState(
        bytes=sizes.database,
        growth=history.of_database(sizes.database),
        tables=table_states(alias, report, sizes, history, exact_seconds=exact_seconds),
        indexes=tuple(
            IndexSize(table=table, index=index, bytes=size, growth=history.of(size, (table, index)))
            for (table, index), size in sorted(
                sizes.relations.items(), key=lambda item: (-item[1], item[0])
            )
            if index
        ),
        autovacuum=report.autovacuum,
        left_out=report.left_out,
    )


def worth_estimating(tables: Sequence[TableCondition]) -> list[TableCondition]:
    """Return the tables whose bloat is worth a guess, the largest first."""
    large = [table for table in tables if (table.bytes or 0) >= BLOAT_FROM]
    return sorted(large, key=lambda table: -(table.bytes or 0))


def _bloats(alias: str, report: Conditions, seconds: float | None) -> dict[str, TableBloat]:
    conditions = get_backend(alias).conditions
    found = list(conditions.estimated_bloat(worth_estimating(report.tables)))
    if seconds is not None:
        largest = sorted(report.tables, key=lambda table: -(table.bytes or 0))
        found += conditions.exact_bloat(largest, seconds=seconds)
    # What was measured stands behind what was guessed, and takes its place.
    return {bloat.table: bloat for bloat in found}


def table_states(
    alias: str,
    report: Conditions,
    sizes: Sizes,
    history: SizeHistory,
    *,
    exact_seconds: float | None = None,
) -> tuple[TableState, ...]:
    """Return how each table of a report stands, and how it grows; ``exact_seconds`` as above."""
    bloats = _bloats(alias, report, exact_seconds)
    own: dict[str, list[tuple[str, str]]] = {}
    for table, index in sizes.relations:
        own.setdefault(table, []).append((table, index))
    return tuple(
        TableState(
            condition=table,
            bloat=bloats.get(table.table),
            growth=history.of(
                sum(sizes.relations[relation] for relation in own[table.table]),
                *own[table.table],
            )
            if table.table in own
            else None,
        )
        for table in report.tables
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Autovacuum):
        return {**asdict(value), "due": [str(reason) for reason in value.due]}
    return value
