"""What a run in steps tells of each of them, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from dbhealth.backends.steps import Step


class StepResult(TypedDict):
    """What became of a step.

    "done"; "failed" or "skipped" (somebody else held the lock) with its ``error``; "stopped" or
    "not begun". Bytes are those of the table with its indexes, or of the whole file; None where
    the step changes no size.
    """

    deed: str
    table: str
    index: str
    state: str
    seconds: float
    error: str
    bytes_before: int | None
    bytes_after: int | None


@dataclass
class Sizes:
    """Bytes before and after a step, None where nobody has looked."""

    before: int | None = None
    after: int | None = None


def step_result(
    step: Step, state: str, seconds: float = 0.0, error: str = "", sizes: Sizes | None = None
) -> StepResult:
    """Return what became of a step."""
    sizes = sizes or Sizes()
    return StepResult(
        deed=str(step.deed),
        table=step.table,
        index=step.index,
        state=state,
        seconds=round(seconds, 3),
        error=error,
        bytes_before=sizes.before,
        bytes_after=sizes.after,
    )
