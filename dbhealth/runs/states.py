"""The states of a run and the legal moves between them: one table, one sentence an arrow."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from dbhealth.exceptions import IllegalMove
from dbhealth.saying import joined
from dbhealth.saying import say as _


class State(models.TextChoices):
    """Where a run stands."""

    QUEUED = "queued", gettext_lazy("queued")
    RUNNING = "running", gettext_lazy("running")
    PAUSING = "pausing", gettext_lazy("pausing")
    PAUSED = "paused", gettext_lazy("paused")
    CANCELLING = "cancelling", gettext_lazy("cancelling")
    CANCELLED = "cancelled", gettext_lazy("cancelled")
    SUCCEEDED = "succeeded", gettext_lazy("succeeded")
    FAILED = "failed", gettext_lazy("failed")
    INTERRUPTED = "interrupted", gettext_lazy("interrupted")


ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.PAUSING, State.PAUSED, State.CANCELLING})
"""At most one run of an (operation, database, target) is in one of these."""

WORKING = frozenset({State.RUNNING, State.PAUSING, State.CANCELLING})
"""A process is at work and gives signs of life."""

ASKED_FOR = {
    State.CANCELLING: (State.CANCELLED, _("cancelled")),
    State.PAUSING: (State.PAUSED, _("paused")),
}
"""What a run becomes that somebody has asked to stop, and why it has ended."""

ENDED = frozenset({State.CANCELLED, State.SUCCEEDED, State.FAILED, State.INTERRUPTED})
"""Nobody works on it; ``interrupted`` can be carried on with."""

MOVES: dict[tuple[State, State], str] = {
    (State.QUEUED, State.RUNNING): "A process has taken the run.",
    (State.QUEUED, State.CANCELLED): "It was cancelled before anybody had begun.",
    (State.QUEUED, State.FAILED): "It could not be begun.",
    (State.QUEUED, State.INTERRUPTED): "It could not be carried on with; it stands where it stood.",
    (State.RUNNING, State.PAUSING): "A pause was asked for; the batch at work ends first.",
    (State.RUNNING, State.CANCELLING): "Cancelling was asked for; the batch at work ends first.",
    (State.RUNNING, State.SUCCEEDED): "All its work is done.",
    (State.RUNNING, State.FAILED): "An error ended it.",
    (State.RUNNING, State.INTERRUPTED): "Its process was told to stop, or died.",
    (State.PAUSING, State.PAUSED): "The batch at work has ended.",
    (State.PAUSING, State.CANCELLING): "Cancelling was asked for instead.",
    (State.PAUSING, State.SUCCEEDED): "That batch was the last one.",
    (State.PAUSING, State.FAILED): "An error ended it before the pause.",
    (State.PAUSING, State.INTERRUPTED): "Its process died before the pause.",
    (State.PAUSED, State.RUNNING): "It was resumed.",
    (State.PAUSED, State.QUEUED): "It is to be resumed in the background.",
    (State.PAUSED, State.CANCELLED): "It was cancelled during the pause.",
    (State.CANCELLING, State.CANCELLED): "The batch at work has ended.",
    (State.CANCELLING, State.SUCCEEDED): "That batch was the last one.",
    (State.CANCELLING, State.FAILED): "An error ended it before the cancelling.",
    (State.CANCELLING, State.INTERRUPTED): "Its process died before the cancelling.",
    (State.INTERRUPTED, State.RUNNING): "A process carries on where it stood.",
    (State.INTERRUPTED, State.QUEUED): "It is to be carried on with in the background.",
    (State.INTERRUPTED, State.CANCELLED): "It was given up, or other options were asked for.",
}
"""Every legal move, with what it means. Whatever is not here does not happen."""


def check_move(before: str, after: str) -> None:
    """Raise IllegalMove, saying what is possible, unless the move is legal."""
    if (State(before), State(after)) in MOVES:
        return
    possible = [told(to) for came, to in MOVES if came == before]
    if not possible:
        raise IllegalMove(
            _(
                "A run that is {before} cannot become {after}. That state is final.",
                before=told(before),
                after=told(after),
            )
        )
    raise IllegalMove(
        _(
            "A run that is {before} cannot become {after}. It can become {possible}.",
            before=told(before),
            after=told(after),
            possible=joined(possible),
        )
    )


def told(state: str) -> str:
    """Return a state as sentences name it: its label is what gets translated."""
    return _(str(state))


def leading_to(after: State) -> list[State]:
    """Return the states from which a run may come to ``after``."""
    return [came for came, to in MOVES if to == after]
