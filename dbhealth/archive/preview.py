"""The dry run of one table: the plan that the real run would make, and what it would meet."""

from __future__ import annotations

from dataclasses import replace

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.execute import empty_result, make_order, with_plan
from dbhealth.archive.family import ensure_leaves_alone
from dbhealth.archive.plan import Asked, make_plan
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import TableResult
from dbhealth.archive.show import plan_facts
from dbhealth.archive.verb import cutoff_of
from dbhealth.backends import Backend, get_backend
from dbhealth.exceptions import Refusal, Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import carries_on, standing
from dbhealth.runs.models import MaintenanceRun


def preview(archive: Archive, alias: str, asked: Asked) -> TableResult:
    """Return what a run would do; writes nothing, not even a run."""
    backend = get_backend(alias)
    try:
        ensure_leaves_alone(archive)
        ensure_declared_right(archive)
    except Refused as refused:
        result = empty_result(archive, alias, "refused")
        result["refusals"] = [refusal.as_dict() for refusal in refused.refusals]
        result["error"] = str(refused)
        return result
    waiting, busy = _standing(archive, backend, asked)
    plan = make_plan(archive, backend, asked, cutoff=cutoff_of(waiting), full=True)
    plan = replace(plan, refusals=(*busy, *plan.refusals), notes=(*_carried(waiting), *plan.notes))
    result = with_plan(empty_result(archive, alias, "planned"), plan)
    result["resumed"] = waiting is not None
    result["plan"] = plan_facts(plan, backend, asked)
    if plan.refusals:
        result["state"] = "refused"
    return result


def _standing(
    archive: Archive, backend: Backend, asked: Asked
) -> tuple[MaintenanceRun | None, tuple[Refusal, ...]]:
    """Return the run that would be carried on with, and the refusal while one is active."""
    if backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
        return None, ()
    order = make_order(archive, backend, asked, Circumstances())
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
