"""The dry run of one table: the plan that the real run would make, and what it would meet."""

from __future__ import annotations

from dataclasses import replace

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.execute import empty_result, make_order, with_plan
from dbhealth.archive.family import ensure_leaves_alone
from dbhealth.archive.plan import Asked, make_plan
from dbhealth.archive.previewing import as_refused, carried, waiting_for
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import TableResult
from dbhealth.archive.show import plan_facts
from dbhealth.archive.verb import cutoff_of
from dbhealth.backends import get_backend
from dbhealth.exceptions import Refused
from dbhealth.runs.circumstances import Circumstances


def preview(archive: Archive, alias: str, asked: Asked) -> TableResult:
    """Return what a run would do; writes nothing, not even a run."""
    backend = get_backend(alias)
    try:
        ensure_leaves_alone(archive)
        ensure_declared_right(archive)
    except Refused as refused:
        return as_refused(empty_result(archive, alias, "refused"), refused)
    waiting, busy = waiting_for(make_order(archive, backend, asked, Circumstances()))
    plan = make_plan(archive, backend, asked, cutoff=cutoff_of(waiting), full=True)
    plan = replace(plan, refusals=(*busy, *plan.refusals), notes=(*carried(waiting), *plan.notes))
    result = with_plan(empty_result(archive, alias, "planned"), plan)
    result["resumed"] = waiting is not None
    result["plan"] = plan_facts(plan, backend, asked)
    if plan.refusals:
        result["state"] = "refused"
    return result
