"""The steps of a vacuum, and which of them an earlier process has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dbhealth.backends.statement import Statement
from dbhealth.backends.steps import Step
from dbhealth.backends.trouble import Trouble
from dbhealth.conf import get_settings
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.runner import Hold
from dbhealth.runs.states import State
from dbhealth.runs.stepper import Stepper

Order = list[list[str]]
"""The keys of all steps of a run, as it began."""


def still_to_do(steps: Sequence[Step], waiting: MaintenanceRun) -> tuple[Step, ...]:
    """Return those of ``steps`` that a run has not done, in the order in which it began them."""
    order: Order = waiting.result.get("order", [])
    position, *failed = waiting.cursor or [0]
    by_key = {tuple(step.key): step for step in steps}
    keys = [order[place] for place in failed] + order[position:]
    return tuple(by_key[tuple(key)] for key in keys if tuple(key) in by_key)


class Vacuumer(Stepper):
    """Does the steps. The run keeps how many of its order are behind it, and which have failed."""

    verb: ClassVar[str] = "vacuum"

    def __init__(
        self,
        steps: Sequence[Step],
        hold: Hold,
        around: Circumstances,
        *,
        order: Order,
        cursor: Sequence[int],
    ) -> None:
        """Take everything; ``cursor`` is that of the run."""
        super().__init__(steps, hold, around)
        self._places = {tuple(key): place for place, key in enumerate(order)}
        self._position, *self._failed = cursor or [0]

    def cursor_after(self, step: Step) -> list[Any]:
        """Return how many steps are behind, and the places of those that have failed."""
        place = self._place(step)
        failed = [other for other in self._failed if other != place]
        return [max(self._position, place + 1), *failed]

    def keep_cursor(self, step: Step) -> None:
        """Go on from there."""
        self._position, *self._failed = self.cursor_after(step)

    def _place(self, step: Step) -> int:
        return self._places[tuple(step.key)]

    def _one(self, step: Step) -> tuple[State, str] | None:
        ending = super()._one(step)
        place = self._place(step)
        if self.results[-1]["error"] and place not in self._failed:
            self._failed.append(place)
            self._position = max(self._position, place + 1)
        return ending

    def retries(self, statement: Statement) -> int:
        """Return how often a statement is tried again: the next table may be free meanwhile."""
        return get_settings().index_retries

    def state_after(self, trouble: Trouble) -> str:
        """Return "skipped" where somebody else held the lock."""
        is_lock = trouble in (Trouble.LOCK_TIMEOUT, Trouble.DEADLOCK)
        return "skipped" if is_lock else "failed"
