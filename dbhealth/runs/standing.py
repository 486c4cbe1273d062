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
from dbhealth.saying import say_counted as ngettext

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
        return Standing(
            kind=Kind.PAUSED, sentence=_("It is paused. {choices}", choices=_choices(run))
        )
    if run.state == State.INTERRUPTED:
        told = ngettext(
            "It stopped after {number:,} row, and nobody works on it. {choices}",
            "It stopped after {number:,} rows, and nobody works on it. {choices}",
            run.rows_done,
            choices=_choices(run),
        )
        return Standing(kind=Kind.INTERRUPTED, sentence=told)
    return Standing(kind=Kind.ENDED, sentence=_("It has ended: {state}.", state=run.stands))


def _queued(run: MaintenanceRun, now: datetime) -> Standing:
    since = aware(queued_at(run))
    if (first := awaited(run)) is not None:
        told = _(
            "It is queued since {since} and follows run {pk} ({state}).",
            since=_moment(since),
            pk=first.pk,
            state=first.stands,
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
    if not is_dead(run, now):
        told = _(
            "It is {state} in process {pid} on {host}; last sign of life: {sign}.",
            state=run.stands,
            pid=run.pid,
            host=run.host,
            sign=sign,
        )
        return Standing(kind=Kind.WORKING, sentence=told)
    return Standing(kind=Kind.DEAD, sentence=_death(run, sign))


def _death(run: MaintenanceRun, sign: str) -> str:
    if is_gone(run):
        return _(
            "It says {state}, but process {pid} on {host} is gone (the last: {sign}). {choices}",
            state=run.stands,
            pid=run.pid,
            host=run.host,
            sign=sign,
            choices=_choices(run),
        )
    return _(
        "It says {state}, but process {pid} on {host} gives no sign of life any more (the last: "
        "{sign}). {choices}",
        state=run.stands,
        pid=run.pid,
        host=run.host,
        sign=sign,
        choices=_choices(run),
    )


def _choices(run: MaintenanceRun) -> str:
    return _(
        "{resume} carries on with it, {cancel} gives it up.",
        resume=command("resume", run.pk, run.database),
        cancel=command("cancel", run.pk, run.database),
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
