"""What restoring returns: typed dicts, ready for JSON."""

from __future__ import annotations

from typing import Any, TypedDict

from dbhealth.archive.execute import empty_result
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import SUCCEEDED, TableResult


class ConflictEntry(TypedDict):
    """Rows that cannot come back as things are, or a table that they do not fit any more.

    ``subject`` is the column or constraint, ``rows`` how many rows it is about, ``sample`` up to
    five of their keys. ``skippable``: with skip_conflicts these rows stay in the archive.
    """

    kind: str
    subject: str
    rows: int
    sample: list[list[Any]]
    skippable: bool
    what: str
    why: str
    instead: str


class RestoredTable(TableResult):
    """One table of a call. ``rows_eligible`` were chosen, ``rows`` came back in this call, and
    ``rows_left_conflicts`` stayed in the archive, because the table has no place for them."""

    conflicts: list[ConflictEntry]
    rows_left_conflicts: int


class RestoreSummary(TypedDict):
    """All tables of a call together."""

    total_records_restored: int
    total_records_chosen: int
    total_records_left: int
    tables: int
    tables_failed: int
    seconds: float
    dry_run: bool


class RestoreResult(TypedDict):
    """What ``restore`` returns: one entry per table, parents first, and their sum."""

    tables: dict[str, RestoredTable]
    summary: RestoreSummary


def empty_entry(archive: Archive, alias: str, state: str) -> RestoredTable:
    """Return the entry of a table of which nothing is known yet."""
    return RestoredTable(**empty_result(archive, alias, state), conflicts=[], rows_left_conflicts=0)


def summarize(results: list[RestoredTable], *, seconds: float, dry_run: bool) -> RestoreResult:
    """Return the entries with their sum."""
    return {
        "tables": {result["table"]: result for result in results},
        "summary": {
            "total_records_restored": sum(result["rows"] for result in results),
            "total_records_chosen": sum(result["rows_eligible"] or 0 for result in results),
            "total_records_left": sum(result["rows_left_conflicts"] for result in results),
            "tables": len(results),
            "tables_failed": sum(result["state"] not in SUCCEEDED for result in results),
            "seconds": round(seconds, 3),
            "dry_run": dry_run,
        },
    }
