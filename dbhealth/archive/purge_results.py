"""What a purge returns: typed dicts, ready for JSON."""

from __future__ import annotations

from typing import TypedDict

from dbhealth.archive.results import SUCCEEDED, TableResult


class PurgeTable(TableResult):
    """One archive of a purge. ``rows`` of ``archive_table`` were deleted by this call.

    ``purged`` are the rows that the whole run has deleted, over all calls that carried on with
    it, by the id of the run that had archived them.
    """

    purged: dict[str, int]


class PurgeSummary(TypedDict):
    """All archives of a purge together."""

    total_records_purged: int
    total_records_purgeable: int
    tables: int
    tables_failed: int
    seconds: float
    dry_run: bool


class PurgeResult(TypedDict):
    """What ``purge`` returns: one entry per archive, by its table, and their sum."""

    tables: dict[str, PurgeTable]
    summary: PurgeSummary


def summarize_purge(results: list[PurgeTable], *, seconds: float, dry_run: bool) -> PurgeResult:
    """Return the results with their sum."""
    return {
        "tables": {result["archive_table"]: result for result in results},
        "summary": {
            "total_records_purged": sum(result["rows"] for result in results),
            "total_records_purgeable": sum(result["rows_eligible"] or 0 for result in results),
            "tables": len(results),
            "tables_failed": sum(result["state"] not in SUCCEEDED for result in results),
            "seconds": round(seconds, 3),
            "dry_run": dry_run,
        },
    }
