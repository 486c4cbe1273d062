"""What is kept of how a table stands: the columns by which people sort and filter tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dbhealth.backends.condition import Conditions, TableCondition
from dbhealth.clock import kept
from dbhealth.health.places import models_of
from dbhealth.health.thresholds import Thresholds
from dbhealth.maintenance.condition import TableState
from dbhealth.maintenance.models import TrackedTable


def tracked(
    alias: str, states: Sequence[TableState], report: Conditions, database_bytes: int
) -> list[TrackedTable]:
    """Return the rows that keep how the tables of a database stand; nothing is written.

    What counts as many or as bloated is what it is for findings (V001, V005).
    """
    thresholds, known = Thresholds(alias), models_of(alias)
    now = kept(report.source.now)
    found = []
    for state in states:
        facts, model = state.condition, known.get(state.condition.table)
        found.append(
            TrackedTable(
                database=alias,
                table=facts.table,
                app_label=model._meta.app_label if model else "",
                model=model._meta.label if model else "",
                first_seen=now,
                looked_at=now,
                share=_share(facts.total_bytes, database_bytes),
                per_day=state.growth.per_day if state.growth else None,
                figures=state.as_dict(),
                **_figures(facts),
                **_conditions(state, thresholds, attended=report.autovacuum),
            )
        )
    return found


def _figures(facts: TableCondition) -> dict[str, Any]:
    return {
        "kind": facts.kind,
        "parent": facts.parent,
        "rows": facts.rows,
        "dead_rows": facts.dead_rows,
        "dead_share": facts.dead_share,
        "bytes": facts.total_bytes,
        "index_bytes": facts.index_bytes,
        "measured": facts.measured,
        "vacuumed_at": _moment(facts.vacuumed_at),
        "analyzed_at": _moment(facts.analyzed_at),
    }


def _conditions(
    state: TableState, thresholds: Thresholds, *, attended: bool | None
) -> dict[str, Any]:
    facts, limits = state.condition, state.condition.autovacuum
    wasted = wasted_bytes(state)
    part = state.bloat.share if state.bloat else _share(wasted, facts.bytes) or 0.0
    dead, dead_share = facts.dead_rows or 0, facts.dead_share or 0.0
    return {
        "wasted_bytes": wasted,
        "vacuum_due": limits is not None and limits.vacuum_due,
        "analyze_due": limits is not None and limits.analyze_due,
        "unanalyzed": facts.analyzed_rows is None and bool(facts.rows),
        "many_dead": dead >= thresholds["dead_rows"] and dead_share >= thresholds["dead_share"],
        "bloated": (wasted or 0) >= thresholds["bloat_bytes"] and part >= thresholds["bloat_share"],
        "unattended": attended is False or (limits is not None and not limits.enabled),
    }


def wasted_bytes(state: TableState) -> int | None:
    """Return the room in a table that holds no rows: guessed, or exact where pages tell it."""
    return state.condition.unused_bytes if state.bloat is None else state.bloat.wasted_bytes


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _moment(at: datetime | None) -> datetime | None:
    return None if at is None else kept(at)
