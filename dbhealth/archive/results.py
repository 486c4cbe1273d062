"""What the archive functions return: typed dicts, ready for JSON."""

from __future__ import annotations

from typing import Any, TypedDict


class TableResult(TypedDict):
    """One table of an archive call.

    ``state`` is "succeeded", "interrupted", "paused", "cancelled", "failed", "refused" or, in a
    dry run, "planned". ``rows`` were moved by this call, ``rows_by_table`` says out of which
    tables; both and ``rows_eligible`` count whole families. ``run`` is the id of the
    MaintenanceRun.
    """

    table: str
    model: str
    archive_table: str
    database: str
    state: str
    run: int | None
    resumed: bool
    cutoff: str | None
    rows_eligible: int | None
    rows: int
    rows_by_table: dict[str, int]
    rows_left_locked: int
    batches: int
    seconds: float
    rows_per_second: float | None
    stopped: str
    notes: list[str]
    refusals: list[dict[str, str]]
    error: str
    plan: dict[str, Any] | None


class Summary(TypedDict):
    """All tables of an archive call together."""

    total_records_archived: int
    total_records_eligible: int
    tables: int
    tables_failed: int
    seconds: float
    dry_run: bool


class ArchiveResult(TypedDict):
    """What ``archive_all_tables`` returns: one entry per table, and their sum."""

    tables: dict[str, TableResult]
    summary: Summary


SUCCEEDED = frozenset({"succeeded", "planned", "paused"})
"""States of a table with which a command exits with 0: nothing failed, somebody wanted it so."""


def summarize(results: list[TableResult], *, seconds: float, dry_run: bool) -> ArchiveResult:
    """Return the results with their sum; a table in two databases is named with its alias."""
    names = [result["table"] for result in results]
    keys = [
        name if names.count(name) == 1 else f"{result['database']}:{name}"
        for name, result in zip(names, results, strict=True)
    ]
    return {
        "tables": dict(zip(keys, results, strict=True)),
        "summary": {
            "total_records_archived": sum(result["rows"] for result in results),
            "total_records_eligible": sum(result["rows_eligible"] or 0 for result in results),
            "tables": len(results),
            "tables_failed": sum(result["state"] not in SUCCEEDED for result in results),
            "seconds": round(seconds, 3),
            "dry_run": dry_run,
        },
    }
