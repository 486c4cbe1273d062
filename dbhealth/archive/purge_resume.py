"""Carrying on with a purge that somebody names, as it was asked for."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from dbhealth.archive.purge_api import purge_tables
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.purge_results import PurgeResult
from dbhealth.archive.registry import Archive, archives
from dbhealth.exceptions import IllegalMove
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import command
from dbhealth.runs.models import MaintenanceRun


def resume_purge(run: MaintenanceRun, circumstances: Circumstances) -> PurgeResult:
    """Carry on with a paused, interrupted or dead purge, here and now.

    Its cutoff, cursor, counters and bounds are its own. Raises IllegalMove when its archive is not
    declared any more; what else stands in the way is in the result.
    """
    return purge_tables(
        [(_archive_of(run), run.database)],
        _asked(run),
        circumstances=replace(circumstances, resumes=run.pk),
    )


def _archive_of(run: MaintenanceRun) -> Archive:
    source = run.options.get("terms", {}).get("source")
    for archive in archives():
        if (archive.archive_table, archive.table) == (run.target, source):
            return archive
    raise IllegalMove(
        f"Run {run.pk} stays as it is. No archive model of {source} has the table {run.target} any "
        f"more. {command('cancel', run.pk, run.database)} gives it up."
    )


def _asked(run: MaintenanceRun) -> PurgeAsked:
    known = {field.name for field in fields(PurgeAsked)}
    options: dict[str, Any] = {k: value for k, value in run.options.items() if k in known}
    seconds = run.options.get("terms", {}).get("keeps_seconds")
    if options.get("max_rows") is not None:
        # The bound of the whole run; this process has what is left of it.
        options["max_rows"] = max(0, options["max_rows"] - run.rows_done)
    return PurgeAsked(**options, older_than=None if seconds is None else timedelta(seconds=seconds))
