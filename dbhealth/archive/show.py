"""A plan as plain data: for JSON, for the terminal, for a page."""

from __future__ import annotations

from math import ceil
from typing import Any

from dbhealth.archive.plan import ArchivePlan, Asked
from dbhealth.backends import Backend
from dbhealth.conf import get_settings
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import State


def plan_facts(plan: ArchivePlan, backend: Backend, asked: Asked) -> dict[str, Any]:
    """Return everything a dry run shows of one table. Durations are seconds."""
    survey = plan.survey
    rows = plan.eligible if asked.max_rows is None else min(plan.eligible, asked.max_rows)
    batches = ceil(rows / plan.batch_size)
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
        **_duration(plan, rows, batches),
        "refusals": [refusal.as_dict() for refusal in plan.refusals],
        "notes": list(plan.notes),
        **plan.statements(backend).as_dict(),
    }


def _duration(plan: ArchivePlan, rows: int, batches: int) -> dict[str, Any]:
    """Estimate from the last run of the table, or from what a batch aims at."""
    rate = _last_rate(plan)
    if rate is None:
        each = get_settings().archive_batch_seconds
        return {
            "estimated_seconds": round(batches * each, 1),
            "estimate_basis": f"a batch aims at {each:g} s; there is no earlier run to go by",
        }
    return {
        "estimated_seconds": round(rows / rate, 1),
        "estimate_basis": f"{rate:,.0f} rows per second in the last run",
    }


def _last_rate(plan: ArchivePlan) -> float | None:
    if not plan.selection:
        return None
    done = MaintenanceRun.objects.using(plan.alias).filter(
        operation=Operation.ARCHIVE,
        database=plan.alias,
        target=plan.archive.table,
        state=State.SUCCEEDED,
        rows_done__gt=0,
    )
    run = done.first()
    return run.result.get("rows_per_second") if run else None
