"""The steps of a run over indexes, and the tables that are to be analyzed after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from dbhealth.backends.steps import BUILDS, Deed, Step
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.runner import Hold
from dbhealth.runs.stepper import Stepper


class Builder(Stepper):
    """Does the steps of a plan. The run keeps which tables have new indexes and no statistics."""

    verb: ClassVar[str] = "init_indexes"

    def __init__(
        self, steps: Sequence[Step], hold: Hold, around: Circumstances, touched: Sequence[str]
    ) -> None:
        """Take everything; ``touched`` are tables that are to be analyzed from before."""
        super().__init__(steps, hold, around)
        self._touched = list(touched)

    def cursor_after(self, step: Step) -> list[str]:
        """Return the tables that are still to be analyzed."""
        touched = [table for table in self._touched if table != step.table]
        if step.deed is not Deed.ANALYZE and (step.deed in BUILDS or step.table in self._touched):
            touched.append(step.table)
        return touched

    def keep_cursor(self, step: Step) -> None:
        """Go on from there."""
        self._touched = self.cursor_after(step)
