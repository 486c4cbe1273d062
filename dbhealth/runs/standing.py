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
        return Standing(kind=Kind.PAUSED, sentence=f"It is paused. {_choices(run)}")
    if run.state == State.INTERRUPTED:
        told = f"It stopped after {run.rows_done:,} rows, and nobody works on it. {_choices(run)}"
        return Standing(kind=Kind.INTERRUPTED, sentence=told)
    return Standing(kind=Kind.ENDED, sentence=f"It has ended: {run.state}.")


def _queued(run: MaintenanceRun, now: datetime) -> Standing:
    since = aware(queued_at(run))
    if (first := awaited(run)) is not None:
        told = f"It is queued since {_moment(since)} and follows run {first.pk} ({first.state})."
        return Standing(kind=Kind.QUEUED, sentence=told)
    if now - since <= LONGEST_WAIT:
        told = f"It is queued since {_moment(since)} and is about to be executed."
        return Standing(kind=Kind.QUEUED, sentence=told)
    told = (
        f"It is queued since {_moment(since)}, and nobody has taken it: the worker that executes "
        "tasks does not run, or is busy with others. "
        f"{command('resume', run.pk, run.database)} executes it here and now, "
        f"{command('cancel', run.pk, run.database)} gives it up."
    )
    return Standing(kind=Kind.UNTAKEN, sentence=told)


def _working(run: MaintenanceRun, now: datetime) -> Standing:
    sign = _moment(aware(run.heartbeat_at)) if run.heartbeat_at else "none"
    process = f"process {run.pid} on {run.host}"
    if not is_dead(run, now):
        told = f"It is {run.state} in {process}; last sign of life: {sign}."
        return Standing(kind=Kind.WORKING, sentence=told)
    what = "is gone" if is_gone(run) else "gives no sign of life any more"
    told = f"It says {run.state}, but {process} {what} (the last: {sign}). {_choices(run)}"
    return Standing(kind=Kind.DEAD, sentence=told)


def _choices(run: MaintenanceRun) -> str:
    carry, leave = (command(verb, run.pk, run.database) for verb in ("resume", "cancel"))
    return f"{carry} carries on with it, {leave} gives it up."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
