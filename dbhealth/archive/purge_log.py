"""What purges have left in the run log, for whoever looks for rows that are not there any more."""

from __future__ import annotations

from dbhealth.runs.models import MaintenanceRun, Operation


def purged_rows(alias: str, archive_table: str) -> dict[str, int]:
    """Return how many rows of an archive were purged, by the id of the run that archived them.

    Each batch keeps its part in the transaction that deletes it, so that this also counts what
    purges have deleted that failed or were cancelled later on.
    """
    found: dict[str, int] = {}
    runs = MaintenanceRun.objects.using(alias).filter(
        operation=Operation.PURGE, database=alias, target=archive_table, rows_done__gt=0
    )
    for result in runs.values_list("result", flat=True):
        for run, rows in result.get("purged", {}).items():
            found[run] = found.get(run, 0) + rows
    return found
