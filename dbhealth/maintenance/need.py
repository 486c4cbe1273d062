"""Which table needs upkeep most: how near it is to the limits at which autovacuum would come.

A need of 1 is due by the server's own formula, 2 is twice as much. Where the engine counts
nothing, no table needs it more than another.
https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dbhealth.backends.condition import TableCondition
from dbhealth.saying import say_counted as ngettext


@dataclass(frozen=True, kw_only=True)
class Need:
    """A table, how much it needs upkeep, and why in few words."""

    facts: TableCondition
    score: float
    why: str

    @property
    def table(self) -> str:
        """The name of the table."""
        return self.facts.table

    @property
    def is_parent(self) -> bool:
        """Whether it is a partitioned table, which holds nothing itself."""
        return self.facts.kind == "partitioned table"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        facts = self.facts
        share = facts.dead_share
        return {
            "table": facts.table,
            "need": round(self.score, 3),
            "why": self.why,
            "rows": facts.rows,
            "dead_rows": facts.dead_rows,
            "dead_share": None if share is None else round(share, 4),
            "bytes": facts.total_bytes,
        }


def in_order(tables: Iterable[TableCondition], *, analyze_only: bool = False) -> tuple[Need, ...]:
    """Return the tables with the neediest first; of equals, by name.

    ``analyze_only``: only what makes statistics old counts.
    """
    needs = [_need(facts, analyze_only=analyze_only) for facts in tables]
    return tuple(sorted(needs, key=lambda need: (-need.score, need.table)))


def _need(facts: TableCondition, *, analyze_only: bool) -> Need:
    limits = facts.autovacuum
    if limits is None:
        return Need(facts=facts, score=0.0, why="")
    changed = ngettext(
        "{number:,} row changed since ANALYZE",
        "{number:,} rows changed since ANALYZE",
        facts.changed_rows or 0,
    )
    found = [(_part(facts.changed_rows, limits.changed), changed)]
    if not analyze_only:
        dead = ngettext(
            "{number:,} dead row since VACUUM",
            "{number:,} dead rows since VACUUM",
            facts.dead_rows or 0,
        )
        inserted = ngettext(
            "{number:,} row inserted since VACUUM",
            "{number:,} rows inserted since VACUUM",
            facts.inserted_rows or 0,
        )
        oldest = ngettext(
            "its oldest row is {number:,} transaction old",
            "its oldest row is {number:,} transactions old",
            facts.age or 0,
        )
        found = [
            (_part(facts.dead_rows, limits.dead), dead),
            (_part(facts.inserted_rows, limits.inserted), inserted),
            (_part(facts.age, limits.age), oldest),
            *found,
        ]
    # Of equals the first: what VACUUM is for.
    score, why = max(found, key=lambda pair: pair[0])
    return Need(facts=facts, score=score, why=why if score else "")


def _part(value: int | None, limit: float | None) -> float:
    return (value or 0) / limit if limit else 0.0
