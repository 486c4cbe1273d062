"""What every dry run tells: which run it would carry on with, and how long it would take."""

from __future__ import annotations

from typing import Any, TypeVar

from dbhealth.archive.results import TableResult
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal, Refused
from dbhealth.runs.claim import Order, carries_on, standing
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import State
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

EntryT = TypeVar("EntryT", bound=TableResult)


def as_refused(entry: EntryT, refused: Refused) -> EntryT:
    """Return the entry of a table that was refused before anything was looked at."""
    entry["state"] = "refused"
    entry["refusals"] = [refusal.as_dict() for refusal in refused.refusals]
    entry["error"] = str(refused)
    return entry


def waiting_for(order: Order) -> tuple[MaintenanceRun | None, tuple[Refusal, ...]]:
    """Return the run that would be carried on with, and the refusal while one is active."""
    if order.backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
        return None, ()
    try:
        run = standing(order)
    except Refused as refused:
        return None, refused.refusals
    return (run if run is not None and carries_on(order, run) else None), ()


def carried(run: MaintenanceRun | None) -> tuple[str, ...]:
    """Return the note on a run that would be carried on with."""
    if run is None:
        return ()
    return (
        ngettext(
            "Run {pk} stopped after {number:,} row; it would be carried on with, under its cutoff.",
            "Run {pk} stopped after {number:,} rows; it would be carried on with, under its "
            "cutoff.",
            run.rows_done,
            pk=run.pk,
        ),
    )


def last_run(operation: Operation, alias: str, target: str) -> MaintenanceRun | None:
    """Return the last run of the table that did any work to its end."""
    done = MaintenanceRun.objects.using(alias).filter(state=State.SUCCEEDED, rows_done__gt=0)
    return done.filter(operation=operation, database=alias, target=target).first()


def estimate(
    rows: int, batches: int, last: MaintenanceRun | None, *, purges: bool = False
) -> dict[str, Any]:
    """Return how long rows take in so many batches (seconds), and what that is gone by.

    That is the pace of the ``last`` run, or else what a batch aims at; one that ``purges`` is
    known as a purge.
    """
    rate = last.result.get("rows_per_second") if last else None
    if rate is None:
        each = get_settings().archive_batch_seconds
        if purges:
            basis = _("a batch aims at {goal:g} s; there is no earlier purge to go by", goal=each)
        else:
            basis = _("a batch aims at {goal:g} s; there is no earlier run to go by", goal=each)
        return {"estimated_seconds": round(batches * each, 1), "estimate_basis": basis}
    if purges:
        basis = _("{rate:,.0f} rows per second in the last purge", rate=rate)
    else:
        basis = _("{rate:,.0f} rows per second in the last run", rate=rate)
    return {"estimated_seconds": round(rows / rate, 1), "estimate_basis": basis}
