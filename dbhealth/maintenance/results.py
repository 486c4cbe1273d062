"""What a vacuum tells: typed dicts, ready for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypedDict

from dbhealth.backends.steps import Deed
from dbhealth.runs.step_results import SteppedResult, StepResult, nothing_yet


class VacuumResult(SteppedResult):
    """One database. ``tables`` are in the order of need; bytes are those of the whole database."""

    tables: list[dict[str, Any]]
    below_ratio: list[str]
    bytes_before: int | None
    bytes_after: int | None


class VacuumSummary(TypedDict):
    """All databases together."""

    vacuumed: int
    analyzed: int
    rebuilt: int
    skipped: int
    failed: int
    refused: int
    bytes_freed: int
    seconds: float
    dry_run: bool


class VacuumResults(TypedDict):
    """What ``vacuum`` returns, by database alias."""

    databases: dict[str, VacuumResult]
    summary: VacuumSummary


def empty_result(alias: str) -> VacuumResult:
    """Return the result of a database of which nothing is known yet."""
    return VacuumResult(
        **nothing_yet(alias),
        tables=[],
        below_ratio=[],
        bytes_before=None,
        bytes_after=None,
    )


def summarize(results: Iterable[VacuumResult], *, seconds: float, dry_run: bool) -> VacuumResults:
    """Return all databases with the sums."""
    databases = {result["database"]: result for result in results}
    steps = [step for result in databases.values() for step in result["steps"]]
    states = Counter(step["state"] for step in steps)
    done = Counter(step["deed"] for step in steps if step["state"] == "done")
    return VacuumResults(
        databases=databases,
        summary=VacuumSummary(
            vacuumed=done[Deed.VACUUM] + done[Deed.SHRINK],
            analyzed=done[Deed.ANALYZE],
            rebuilt=done[Deed.REBUILD],
            skipped=states["skipped"],
            failed=states["failed"],
            refused=sum(len(result["refusals"]) for result in databases.values()),
            bytes_freed=sum(map(_freed, steps)),
            seconds=round(seconds, 3),
            dry_run=dry_run,
        ),
    )


def _freed(step: StepResult) -> int:
    before, after = step["bytes_before"], step["bytes_after"]
    return 0 if before is None or after is None else max(0, before - after)
