"""What a run in steps tells of each of them, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

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


class SteppedResult(TypedDict):
    """What every run in steps tells of one database; a verb adds what is its own."""

    database: str
    state: str
    run: int | None
    resumed: bool
    seconds: float
    stopped: str
    error: str
    steps: list[StepResult]
    refusals: list[dict[str, str]]
    notes: list[str]
    plan: dict[str, Any] | None


def nothing_yet(alias: str) -> SteppedResult:
    """Return the result of a database of which nothing is known yet."""
    return SteppedResult(
        database=alias,
        state="failed",
        run=None,
        resumed=False,
        seconds=0.0,
        stopped="",
        error="",
        steps=[],
        refusals=[],
        notes=[],
        plan=None,
    )


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
