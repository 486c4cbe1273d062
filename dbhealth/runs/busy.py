"""What is said of a run that stands in the way of another one."""

from __future__ import annotations

from datetime import datetime

from django.db import DEFAULT_DB_ALIAS

from dbhealth.clock import aware
from dbhealth.exceptions import Refusal
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import ACTIVE, State
from dbhealth.saying import say as _


def busy(run: MaintenanceRun) -> Refusal:
    """Return the refusal that another run is active."""
    what = _(
        "Run {pk} ({operation} of {target}) is {state}.",
        pk=run.pk,
        operation=run.verb,
        target=run.target,
        state=run.stands,
    )
    if run.state == State.PAUSED:
        return Refusal(
            code="run-active",
            what=what,
            why=_(
                "It keeps its place until somebody decides, and two runs on one table would take "
                "each other's rows and locks."
            ),
            instead=_(
                "{resume} carries on with it, {cancel} gives it up.",
                resume=command("resume", run.pk, run.database),
                cancel=command("cancel", run.pk, run.database),
            ),
        )
    if run.state == State.QUEUED:
        return _queued(run)
    sign = f"{aware(run.heartbeat_at):%Y-%m-%d %H:%M:%S %Z}" if run.heartbeat_at else _("none yet")
    return Refusal(
        code="run-active",
        what=what,
        why=_("Two runs on one table would take each other's rows and locks."),
        instead=_(
            "Wait until it ends; it belongs to process {pid} on {host} (last sign of life: "
            "{sign}). A dead one is carried on with when its lease is over.",
            pid=run.pid,
            host=run.host,
            sign=sign,
        ),
    )


def _queued(run: MaintenanceRun) -> Refusal:
    return Refusal(
        code="run-active",
        what=_(
            "Run {pk} ({operation} of {target}) is queued, since {asked}.",
            pk=run.pk,
            operation=run.verb,
            target=run.target,
            asked=f"{aware(queued_at(run)):%Y-%m-%d %H:%M:%S %Z}",
        ),
        why=_(
            "It keeps its place until somebody executes it, and two runs on one table would take "
            "each other's rows and locks."
        ),
        instead=_(
            "{resume} executes it here and now, {cancel} gives it up.",
            resume=command("resume", run.pk, run.database),
            cancel=command("cancel", run.pk, run.database),
        ),
    )


def queued_at(run: MaintenanceRun) -> datetime:
    """Return when a queued run was asked for: the last time, where it had begun before."""
    return (run.heartbeat_at if run.started_at else None) or run.created_at


AFTER = "after"
"""The option of a queued run that names the run after which it is executed."""


def awaited(run: MaintenanceRun) -> MaintenanceRun | None:
    """Return the run after which a queued one will be executed, None where it waits for none."""
    if AFTER not in run.options:
        return None
    standing = MaintenanceRun.objects.using(run.database).filter(
        pk=run.options[AFTER], state__in=[*ACTIVE, State.INTERRUPTED]
    )
    return standing.first()


def command(verb: str, pk: int, alias: str) -> str:
    """Return the command line that does ``verb`` to a run."""
    where = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
    return f"manage.py maintenance_runs {verb} {pk}{where}"
