"""Where a run stands, in a sentence for people: who is at work, who is missing, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dbhealth.backends import get_backend
from dbhealth.clock import aware
from dbhealth.runs.busy import awaited, command, queued_at
from dbhealth.runs.lease import is_dead, is_gone
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import WORKING, State
from dbhealth.saying import say as _

LONGEST_WAIT = timedelta(minutes=1)
"""A queued run that nobody takes for longer has nobody who would take it, or he is busy."""


class Kind(StrEnum):
    """What is to be known of a run at one glance."""

    QUEUED = "queued"
    UNTAKEN = "untaken"
    WORKING = "working"
    DEAD = "dead"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The kind, and the sentences that say what it means and what to do."""

    kind: Kind
    sentence: str


def standing_of(run: MaintenanceRun, now: datetime | None = None) -> Standing:
    """Return where a run stands.

    ``now`` is the clock of the run's database, aware; None: it is asked for where it matters.
    """
    if run.state == State.QUEUED:
        return _queued(run, now or get_backend(run.database).session.now())
    if run.state in WORKING:
        return _working(run, now or get_backend(run.database).session.now())
    if run.state == State.PAUSED:
        return Standing(kind=Kind.PAUSED, sentence=_("It is paused. {run}", run=_choices(run)))
    if run.state == State.INTERRUPTED:
        told = _(
            "It stopped after {rows_done:,} rows, and nobody works on it. {run}",
            rows_done=run.rows_done,
            run=_choices(run),
        )
        return Standing(kind=Kind.INTERRUPTED, sentence=told)
    return Standing(kind=Kind.ENDED, sentence=_("It has ended: {state}.", state=run.state))


def _queued(run: MaintenanceRun, now: datetime) -> Standing:
    since = aware(queued_at(run))
    if (first := awaited(run)) is not None:
        told = _(
            "It is queued since {since} and follows run {pk} ({state}).",
            since=_moment(since),
            pk=first.pk,
            state=first.state,
        )
        return Standing(kind=Kind.QUEUED, sentence=told)
    if now - since <= LONGEST_WAIT:
        told = _("It is queued since {since} and is about to be executed.", since=_moment(since))
        return Standing(kind=Kind.QUEUED, sentence=told)
    told = _(
        "It is queued since {since}, and nobody has taken it: the worker that executes tasks does "
        "not run, or is busy with others. {resume} executes it here and now, {cancel} gives it "
        "up.",
        since=_moment(since),
        resume=command("resume", run.pk, run.database),
        cancel=command("cancel", run.pk, run.database),
    )
    return Standing(kind=Kind.UNTAKEN, sentence=told)


def _working(run: MaintenanceRun, now: datetime) -> Standing:
    sign = _moment(aware(run.heartbeat_at)) if run.heartbeat_at else _("none")
    process = _("process {pid} on {host}", pid=run.pid, host=run.host)
    if not is_dead(run, now):
        told = _(
            "It is {state} in {process}; last sign of life: {sign}.",
            state=run.state,
            process=process,
            sign=sign,
        )
        return Standing(kind=Kind.WORKING, sentence=told)
    what = _("is gone") if is_gone(run) else _("gives no sign of life any more")
    told = _(
        "It says {state}, but {process} {what} (the last: {sign}). {run}",
        state=run.state,
        process=process,
        what=what,
        sign=sign,
        run=_choices(run),
    )
    return Standing(kind=Kind.DEAD, sentence=told)


def _choices(run: MaintenanceRun) -> str:
    carry, leave = (command(verb, run.pk, run.database) for verb in ("resume", "cancel"))
    return _("{carry} carries on with it, {leave} gives it up.", carry=carry, leave=leave)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
