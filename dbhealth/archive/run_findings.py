"""The checks of runs: A003 one failed, A004 one is dead, A005 one waits, A007 nobody takes one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Max

from dbhealth.clock import aware
from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration
from dbhealth.runs.busy import awaited, command, queued_at
from dbhealth.runs.lease import is_dead
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import State
from dbhealth.saying import say as _

_WAITING = (State.INTERRUPTED, State.PAUSED)


def _latest(context: Context) -> list[MaintenanceRun]:
    """Return the last run of each verb on each table."""

    def read() -> list[MaintenanceRun]:
        if context.backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
            return []
        runs = MaintenanceRun.objects.using(context.alias).filter(database=context.alias)
        last = runs.order_by().values("operation", "target").annotate(last=Max("pk"))
        return list(runs.filter(pk__in=last.values("last")).order_by("operation", "target"))

    return context.memo("runs.latest", read)


def _now(context: Context) -> datetime:
    return context.memo("runs.now", context.backend.session.now)


def _named(run: MaintenanceRun) -> str:
    if run.target == "*":
        return _("{operation} of the database", operation=run.verb)
    return _("{operation} of {target}", operation=run.verb, target=run.target)


def _since(run: MaintenanceRun) -> datetime:
    """Return the last moment at which something is known to have happened to a run."""
    return aware(run.finished_at or run.heartbeat_at or run.created_at)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _choices(run: MaintenanceRun) -> str:
    return _(
        "{resume} carries on with it, {cancel} gives it up.",
        resume=command("resume", run.pk, run.database),
        cancel=command("cancel", run.pk, run.database),
    )


@register("dbhealth.A003", title="The last run failed")
def failed(context: Context) -> Iterator[Finding]:
    """Find what failed lately and has not succeeded since."""
    bound = context.thresholds.optional("failed_run")
    for run in _latest(context):
        if run.state != State.FAILED or bound is None:
            continue
        past = _now(context) - _since(run)
        if past <= timedelta(days=bound):
            yield context.finding(
                Level.ERROR,
                _(
                    "Run {pk} ({work}) failed {duration} ago: {error}",
                    pk=run.pk,
                    work=_named(run),
                    duration=duration(past.total_seconds()),
                    error=_first_line(run.error),
                ),
                object=f"run {_named(run)}",
                value=past / timedelta(days=1),
                threshold=bound,
                unit="days",
                why=_("What it was to do is not done, or only a part of it."),
                instead=_(
                    "{show} has all that is known of it. Mend that and call the verb again: it "
                    "does what is left.",
                    show=command("show", run.pk, run.database),
                ),
            )


@register("dbhealth.A004", title="A run is dead")
def dead(context: Context) -> Iterator[Finding]:
    """Find runs that say that they are at work and whose process is gone or silent."""
    for run in _latest(context):
        if is_dead(run, _now(context)):
            silent = (_now(context) - _since(run)).total_seconds()
            yield context.finding(
                Level.ERROR,
                _(
                    "Run {pk} ({work}) is {state}, and process {pid} on {host} has given no sign "
                    "of life for {duration}.",
                    pk=run.pk,
                    work=_named(run),
                    state=run.stands,
                    pid=run.pid,
                    host=run.host,
                    duration=duration(abs(silent)),
                ),
                object=f"run {_named(run)}",
                value=abs(silent),
                unit="seconds",
                reasons=(_("A process that lives gives one with each batch (LEASE_SECONDS)."),),
                why=_("What it was to do is done in part, and nobody works on the rest."),
                instead=_("Call the verb again, or: {choices}", choices=_choices(run)),
            )


@register("dbhealth.A005", title="A run waits to be carried on with")
def waiting(context: Context) -> Iterator[Finding]:
    """Find runs that were stopped, and that nobody has carried on with or given up."""
    bound = context.thresholds.optional("waiting_run")
    for run in _latest(context):
        if run.state not in _WAITING or bound is None:
            continue
        past = _now(context) - _since(run)
        if past >= timedelta(days=bound):
            yield context.finding(
                Level.WARNING,
                _(
                    "Run {pk} ({work}) has been {state} for {duration}.",
                    pk=run.pk,
                    work=_named(run),
                    state=run.stands,
                    duration=duration(past.total_seconds()),
                ),
                object=f"run {_named(run)}",
                value=past / timedelta(days=1),
                threshold=bound,
                unit="days",
                why=_(
                    "A paused run keeps others from its table; what an interrupted one has begun "
                    "is done in part."
                ),
                instead=_choices(run),
            )


@register("dbhealth.A007", title="Nobody executes a queued run")
def untaken(context: Context) -> Iterator[Finding]:
    """Find runs that somebody has asked for in the background and that nobody has taken."""
    bound = context.thresholds.optional("queued_run")
    for run in _latest(context):
        if run.state != State.QUEUED or bound is None or awaited(run) is not None:
            continue
        past = (_now(context) - aware(queued_at(run))).total_seconds()
        if past >= bound:
            yield context.finding(
                Level.WARNING,
                _(
                    "Run {pk} ({work}) has been queued for {past}, and nobody has taken it.",
                    pk=run.pk,
                    work=_named(run),
                    past=duration(past),
                ),
                object=f"run {_named(run)}",
                value=past,
                threshold=bound,
                unit="seconds",
                why=_(
                    "What somebody has asked for is not done, and no other run of its kind begins."
                ),
                instead=_(
                    "Start the worker that executes tasks, where there is to be one, or: {resume} "
                    "executes it here and now, {cancel} gives it up.",
                    resume=command("resume", run.pk, run.database),
                    cancel=command("cancel", run.pk, run.database),
                ),
            )
