"""What a run over indexes tells: typed dicts, ready for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypedDict

from dbhealth.backends.steps import BUILDS, Deed
from dbhealth.indexes.build_plan import BuildPlan
from dbhealth.indexes.drift import Drift, Entry, Status
from dbhealth.runs.step_results import SteppedResult, nothing_yet


class BuildResult(SteppedResult):
    """One database. ``indexes`` counts its indexes by their status as the run began."""

    indexes: dict[str, int]
    untouched: list[dict[str, Any]]
    left_out: list[str]


class BuildSummary(TypedDict):
    """All databases together."""

    indexes_created: int
    indexes_rebuilt: int
    failed: int
    refused: int
    seconds: float
    dry_run: bool


class InitResult(TypedDict):
    """What ``init_indexes`` returns, by database alias."""

    databases: dict[str, BuildResult]
    summary: BuildSummary


_UNTOUCHED = (
    Status.DIFFERS,
    Status.PENDING,
    Status.UNMIGRATED,
    Status.UNJUDGED,
    Status.UNDECLARED,
    Status.INVALID,
)


def empty_result(alias: str) -> BuildResult:
    """Return the result of a database of which nothing is known yet."""
    return BuildResult(
        **nothing_yet(alias),
        indexes={},
        untouched=[],
        left_out=[],
    )


def with_plan(result: BuildResult, plan: BuildPlan) -> None:
    """Put into ``result`` what the plan says."""
    worked_on = {(step.table, step.index) for step in plan.steps}
    result["indexes"] = counted(plan.drift)
    result["untouched"] = [
        told(entry)
        for entry in plan.drift.by(*_UNTOUCHED)
        if (entry.table, entry.name) not in worked_on
    ]
    result["left_out"] = list(plan.drift.left_out)
    result["refusals"] = [refusal.as_dict() for refusal in plan.refusals]


def counted(drift: Drift) -> dict[str, int]:
    """Return how many indexes there are of each status, those that there are none of left out."""
    found = Counter(entry.status for entry in drift.entries)
    return {str(status): found[status] for status in Status if found[status]}


def told(entry: Entry) -> dict[str, Any]:
    """Return an entry of the drift for JSON."""
    declared, index = entry.declared, entry.index
    owner = None
    if declared is not None:
        place = declared.place
        owner = {
            "name": declared.name,
            "kind": str(declared.kind),
            "model": declared.model,
            "declaration": declared.text,
            "file": place.file if place else None,
            "line": place.line if place else None,
        }
    return {
        "status": str(entry.status),
        "table": entry.table,
        "name": entry.name,
        "declared": owner,
        "definition": index.definition if index is not None else None,
        "why": entry.why,
    }


def summarize(results: Iterable[BuildResult], *, seconds: float, dry_run: bool) -> InitResult:
    """Return all databases with the sums."""
    databases = {result["database"]: result for result in results}
    steps = [step for result in databases.values() for step in result["steps"]]
    done = Counter(step["deed"] for step in steps if step["state"] == "done")
    builds = {str(deed) for deed in BUILDS}
    return InitResult(
        databases=databases,
        summary=BuildSummary(
            indexes_created=done[Deed.CREATE],
            indexes_rebuilt=sum(done[deed] for deed in builds - {str(Deed.CREATE)}),
            failed=sum(step["state"] == "failed" for step in steps),
            refused=sum(len(result["refusals"]) for result in databases.values()),
            seconds=round(seconds, 3),
            dry_run=dry_run,
        ),
    )
