"""The dry run of a purge: the plan that the real run would make, and what it would meet."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.previewing import (
    as_refused,
    carried,
    estimate,
    last_run,
    waiting_for,
)
from dbhealth.archive.purge_execute import empty_purge, make_purge_order, with_purge_plan
from dbhealth.archive.purge_plan import PurgeAsked, PurgePlan, make_purge_plan
from dbhealth.archive.purge_results import PurgeTable
from dbhealth.archive.registry import Archive
from dbhealth.archive.verb import cutoff_of
from dbhealth.backends import Backend, get_backend
from dbhealth.exceptions import Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import Operation


def preview_purge(archive: Archive, alias: str, asked: PurgeAsked) -> PurgeTable:
    """Return what a purge would do; writes nothing, not even a run."""
    backend = get_backend(alias)
    try:
        ensure_declared_right(archive)
    except Refused as refused:
        return as_refused(empty_purge(archive, alias, "refused"), refused)
    waiting, busy = waiting_for(make_purge_order(archive, backend, asked, Circumstances()))
    plan = make_purge_plan(archive, backend, asked, cutoff=cutoff_of(waiting), full=True)
    plan = replace(plan, refusals=(*busy, *plan.refusals), notes=(*carried(waiting), *plan.notes))
    result = with_purge_plan(empty_purge(archive, alias, "planned"), plan)
    result["resumed"] = waiting is not None
    result["plan"] = purge_facts(plan, backend, asked)
    if plan.refusals:
        result["state"] = "refused"
    return result


def purge_facts(plan: PurgePlan, backend: Backend, asked: PurgeAsked) -> dict[str, Any]:
    """Return everything a dry run shows of one archive. Durations are seconds.

    ``oldest`` and ``newest`` tell when the rows were archived, ``oldest_source`` and
    ``newest_source`` how old they were before; ``runs`` counts them by the run that archived them.
    """
    survey, days = plan.survey, None if plan.keeps is None else plan.keeps.total_seconds() / 86_400
    rows = plan.eligible if asked.max_rows is None else min(plan.eligible, asked.max_rows)
    batches = ceil(rows / plan.batch_size)
    last = last_run(Operation.PURGE, plan.alias, plan.table) if plan.selection else None
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
        **estimate(rows, batches, last, purges=True),
        "refusals": [refusal.as_dict() for refusal in plan.refusals],
        "notes": list(plan.notes),
        **plan.statements(backend).as_dict(),
    }
