"""A plan as plain data: for JSON, for the terminal, for a page."""

from __future__ import annotations

from math import ceil
from typing import Any

from dbhealth.archive.plan import ArchivePlan, Asked
from dbhealth.archive.previewing import estimate, last_run
from dbhealth.backends import Backend
from dbhealth.backends.records import ForeignKey
from dbhealth.runs.models import Operation


def plan_facts(plan: ArchivePlan, backend: Backend, asked: Asked) -> dict[str, Any]:
    """Return everything a dry run shows of one table. Durations are seconds."""
    survey = plan.survey
    rows = plan.expected if asked.max_rows is None else min(plan.expected, asked.max_rows)
    batches = ceil(rows / plan.batch_size)
    last = last_run(Operation.ARCHIVE, plan.alias, plan.archive.table) if plan.selection else None
    return {
        "retention_days": round(plan.retention.total_seconds() / 86_400, 3),
        "cutoff": plan.cutoff.isoformat(),
        "rows": survey.rows if survey else None,
        "rows_eligible": plan.eligible if survey else None,
        "rows_to_move": rows if survey else None,
        "oldest": survey.oldest if survey else None,
        "newest": survey.newest if survey else None,
        "null_timestamps": survey.null_timestamps if survey else None,
        "future_timestamps": survey.future_timestamps if survey else None,
        "batch_size": plan.batch_size,
        "estimated_batches": batches,
        **estimate(rows, batches, last),
        **_family(plan),
        "refusals": [refusal.as_dict() for refusal in plan.refusals],
        "notes": list(plan.notes),
        **plan.statements(backend).as_dict(),
    }


def _family(plan: ArchivePlan) -> dict[str, Any]:
    """Return what leaves with the rows of the table: a tree of tables with their rows."""
    if not plan.selection or not plan.selection.is_family:
        return {"rows_held_back": None, "family": None}
    sizes = plan.sizes or (0,) * len(plan.parts)
    rows = {part.archive.table: size for part, size in zip(plan.parts, sizes, strict=True)}
    return {
        "rows_held_back": plan.held_back,
        "family": _branch(plan, plan.archive.table, rows, None, set()),
    }


def _branch(
    plan: ArchivePlan, table: str, rows: dict[str, int], parent: str | None, seen: set[str]
) -> dict[str, Any]:
    """Return one table of the tree.

    One that is reached in two ways stands in both places, with all its rows; ``counted_before``
    is True in the second. ``seen`` are the tables before it, and gains this one.
    """
    (part,) = (part for part in plan.parts if part.archive.table == table)
    members = plan.selection.everybody if plan.selection else ()
    links = [link for member in members if member.table == table for link in member.links]
    is_again = table in seen
    seen.add(table)
    return {
        "table": table,
        "model": part.archive.label,
        "archive_table": part.archive.archive_table,
        "rows": rows[table],
        "counted_before": is_again,
        "by": _by([link for link in links if link.target in (parent, table)]),
        "children": [
            _branch(plan, member.table, rows, table, seen)
            for member in members
            if member.table != table and any(link.target == table for link in member.links)
        ],
    }


def _by(links: list[ForeignKey]) -> str:
    return ", ".join(f"{link.label} ({link.rule or 'in the database'})" for link in links)
