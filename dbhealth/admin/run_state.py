"""How a run stands, for people: a badge, a sentence, and whether anything is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.format import badge, duration
from dbhealth.backends import get_backend
from dbhealth.clock import aware, now
from dbhealth.runs.busy import command, queued_at
from dbhealth.runs.lease import is_dead
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.standing import LONGEST_WAIT
from dbhealth.runs.states import ENDED, WORKING, State
from dbhealth.saying import translated

OVER_DATABASE = frozenset({Operation.INIT_INDEXES, Operation.VACUUM})
"""Operations that work in steps: their rows and batches are steps."""

HEAVY = ("cursor", "proof", "result", "pace", "error", "traceback")
"""What no list of runs shows, and what may be long."""

_WORKING, _WAITING, _RESTING = 2.0, 5.0, 15.0
"""Seconds after which a page asks again."""


@dataclass(frozen=True)
class Standing:
    """A run as it stands at ``now``, by the clock of its database (aware)."""

    run: MaintenanceRun
    now: datetime
    is_dead: bool

    @property
    def state(self) -> State:
        """The state on record."""
        return State(self.run.state)

    @property
    def is_working(self) -> bool:
        """Whether a process is at work."""
        return self.state in WORKING and not self.is_dead

    @property
    def has_ended(self) -> bool:
        """Whether it changes no more unless somebody asks for it."""
        return self.state in ENDED

    @property
    def waited(self) -> timedelta:
        """For how long it has been in the queue."""
        return self.now - aware(queued_at(self.run))

    @property
    def is_left_alone(self) -> bool:
        """Whether it is queued, and somebody should have taken it by now."""
        return self.state is State.QUEUED and self.waited > LONGEST_WAIT

    @property
    def seconds(self) -> float | None:
        """For how long it has been running, or ran; None for one that nobody has begun."""
        if self.run.started_at is None:
            return None
        end = self.now if self.run.finished_at is None else aware(self.run.finished_at)
        return max(0.0, (end - aware(self.run.started_at)).total_seconds())

    @property
    def ask_again(self) -> float:
        """Seconds after which it is worth looking again, 0 for never."""
        if self.has_ended:
            return 0.0
        if self.is_working:
            return _WORKING
        return _RESTING if self.state is State.PAUSED or self.is_dead else _WAITING

    @property
    def label(self) -> str:
        """The state in a word or two."""
        said = str(self.state.label)
        return _("%s, dead") % said if self.is_dead else said

    @property
    def badge(self) -> str | SafeString:
        """The state in a box."""
        return badge(self.label, str(State.FAILED if self.is_dead else self.state))

    @property
    def sentence(self) -> str:
        """What the state means here, and what to do about it."""
        if self.is_dead:
            return self._death()
        if self.state is State.QUEUED:
            return self._queue()
        if self.state is State.SUCCEEDED and (stopped := self.run.result.get("stopped")):
            said = _("It came to a bound: %s. The next one goes on with the rest.")
            return said % translated(stopped)
        of_rows = self.run.operation not in OVER_DATABASE
        return str((_OF_ROWS if of_rows else _OF_STEPS).get(self.state, ""))

    def _death(self) -> str:
        sign = self.run.heartbeat_at
        if sign is None:
            said = _("Its process is dead and has never given a sign of life.")
        else:
            gone = duration(max(0.0, (self.now - aware(sign)).total_seconds()))
            said = _("Its process is dead; the last sign of life was %s ago.") % gone
        kept = _("Nothing is lost: “Retry” carries on where it stood, “Cancel” gives it up.")
        return f"{said} {kept}"

    def _queue(self) -> str:
        if not self.is_left_alone:
            return _("It begins in a moment, in another process.")
        return _(
            "It has been queued for %(time)s and nobody takes it. Is a worker running? "
            "“Resume” starts it once more; %(command)s executes it here and now."
        ) % {
            "time": duration(self.waited.total_seconds()),
            "command": command("resume", self.run.pk, self.run.database),
        }


def standing(run: MaintenanceRun, now: datetime) -> Standing:
    """Return how a run stands. ``now`` is the clock of its database, aware."""
    return Standing(run=run, now=now, is_dead=is_dead(run, now))


def badges(runs: Sequence[MaintenanceRun], alias: str) -> list[str | SafeString]:
    """Return a badge for each run; only where one is at work is the database's clock asked."""
    at_work = any(run.state in WORKING for run in runs)
    clock = get_backend(alias).session.now() if at_work else now()
    return [standing(run, clock).badge for run in runs]


_OF_ROWS = {
    State.PAUSING: gettext_lazy("A pause was asked for; the batch at work ends first."),
    State.PAUSED: gettext_lazy(
        "It keeps its place until somebody resumes or cancels it; the next one is refused."
    ),
    State.CANCELLING: gettext_lazy("Cancelling was asked for; the batch at work ends first."),
    State.CANCELLED: gettext_lazy("What it has moved stays where it is."),
    State.INTERRUPTED: gettext_lazy(
        "Its process was told to stop, or died. “Retry” carries on where it stood; so does the "
        "next one of its own accord."
    ),
    State.FAILED: gettext_lazy("An error ended it, or it was refused."),
}

_OF_STEPS = _OF_ROWS | {
    State.PAUSING: gettext_lazy("A pause was asked for; the step at work is finished first."),
    State.CANCELLING: gettext_lazy(
        "Cancelling was asked for; the statement at work is ended, where the engine can."
    ),
    State.CANCELLED: gettext_lazy("What it has done stays done."),
}
