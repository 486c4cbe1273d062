"""The dry run of a purge: the plan that the real run would make, and what it would meet."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.purge_execute import empty_purge, make_purge_order, with_purge_plan
from dbhealth.archive.purge_plan import PurgeAsked, PurgePlan, make_purge_plan
from dbhealth.archive.purge_results import PurgeTable
from dbhealth.archive.registry import Archive
from dbhealth.archive.verb import cutoff_of
from dbhealth.backends import Backend, get_backend
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal, Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import carries_on, standing
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import State


def preview_purge(archive: Archive, alias: str, asked: PurgeAsked) -> PurgeTable:
    """Return what a purge would do; writes nothing, not even a run."""
    backend = get_backend(alias)
    try:
        ensure_declared_right(archive)
    except Refused as refused:
        result = empty_purge(archive, alias, "refused")
        result["refusals"] = [refusal.as_dict() for refusal in refused.refusals]
        result["error"] = str(refused)
        return result
    waiting, busy = _standing(archive, backend, asked)
    plan = make_purge_plan(archive, backend, asked, cutoff=cutoff_of(waiting), full=True)
    plan = replace(plan, refusals=(*busy, *plan.refusals), notes=(*_carried(waiting), *plan.notes))
    result = with_purge_plan(empty_purge(archive, alias, "planned"), plan)
    result["resumed"] = waiting is not None
    result["plan"] = purge_facts(plan, backend, asked)
    if plan.refusals:
        result["state"] = "refused"
    return result


def _standing(
    archive: Archive, backend: Backend, asked: PurgeAsked
) -> tuple[MaintenanceRun | None, tuple[Refusal, ...]]:
    """Return the run that would be carried on with, and the refusal while one is active."""
    if backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
        return None, ()
    order = make_purge_order(archive, backend, asked, Circumstances())
    try:
        run = standing(order)
    except Refused as refused:
        return None, refused.refusals
    return (run if run is not None and carries_on(order, run) else None), ()


def _carried(run: MaintenanceRun | None) -> tuple[str, ...]:
    if run is None:
        return ()
    rows = f"{run.rows_done:,} row{'' if run.rows_done == 1 else 's'}"
    return (f"Run {run.pk} stopped after {rows}; it would be carried on with, under its cutoff.",)


def purge_facts(plan: PurgePlan, backend: Backend, asked: PurgeAsked) -> dict[str, Any]:
    """Return everything a dry run shows of one archive. Durations are seconds.

    ``oldest`` and ``newest`` tell when the rows were archived, ``oldest_source`` and
    ``newest_source`` how old they were before; ``runs`` counts them by the run that archived them.
    """
    survey, days = plan.survey, None if plan.keeps is None else plan.keeps.total_seconds() / 86_400
    rows = plan.eligible if asked.max_rows is None else min(plan.eligible, asked.max_rows)
    batches = ceil(rows / plan.batch_size)
    return {
        "purge_after_days": None if days is None else round(days, 3),
        "cutoff": None if days is None else plan.cutoff.isoformat(),
        "rows": plan.total,
        "rows_eligible": plan.eligible if survey else None,
        "rows_to_purge": rows if survey else None,
        "share": round(plan.eligible / plan.total, 4) if plan.total else None,
        "oldest": survey.oldest if survey else None,
        "newest": survey.newest if survey else None,
        "oldest_source": plan.span[0],
        "newest_source": plan.span[1],
        "runs": plan.runs,
        "null_timestamps": survey.null_timestamps if survey else None,
        "future_timestamps": survey.future_timestamps if survey else None,
        "batch_size": plan.batch_size,
        "estimated_batches": batches,
        **_duration(plan, rows, batches),
        "refusals": [refusal.as_dict() for refusal in plan.refusals],
        "notes": list(plan.notes),
        **plan.statements(backend).as_dict(),
    }


def _duration(plan: PurgePlan, rows: int, batches: int) -> dict[str, Any]:
    """Estimate from the last purge of the archive, or from what a batch aims at."""
    rate = _last_rate(plan)
    if rate is None:
        each = get_settings().archive_batch_seconds
        return {
            "estimated_seconds": round(batches * each, 1),
            "estimate_basis": f"a batch aims at {each:g} s; there is no earlier purge to go by",
        }
    return {
        "estimated_seconds": round(rows / rate, 1),
        "estimate_basis": f"{rate:,.0f} rows per second in the last purge",
    }


def _last_rate(plan: PurgePlan) -> float | None:
    if plan.selection is None:
        return None
    run = (
        MaintenanceRun.objects.using(plan.alias)
        .filter(operation=Operation.PURGE, database=plan.alias, target=plan.table)
        .filter(state=State.SUCCEEDED, rows_done__gt=0)
        .first()
    )
    return run.result.get("rows_per_second") if run else None
