"""Carrying on with an archive run that somebody names, as it was asked for."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from dbhealth.archive.api import archive_tables
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import Archive, archives
from dbhealth.archive.results import ArchiveResult
from dbhealth.exceptions import IllegalMove
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import command
from dbhealth.runs.models import MaintenanceRun


def resume_archive(run: MaintenanceRun, circumstances: Circumstances) -> ArchiveResult:
    """Carry on with a paused, interrupted or dead archive run, here and now.

    Its cutoff, cursor, counters and bounds are its own. Raises IllegalMove when its archive is not
    declared any more; what else stands in the way is in the result.
    """
    archive = _archive_of(run)
    return archive_tables(
        [(archive, run.database)],
        _asked(run, archive),
        circumstances=replace(circumstances, resumes=run.pk),
    )


def _archive_of(run: MaintenanceRun) -> Archive:
    into = run.options.get("terms", {}).get("archive")
    for archive in archives():
        if (archive.table, archive.archive_table) == (run.target, into):
            return archive
    raise IllegalMove(
        f"Run {run.pk} stays as it is. No archive model of {run.target} has the table {into} any "
        f"more. {command('cancel', run.pk, run.database)} gives it up."
    )


def _asked(run: MaintenanceRun, archive: Archive) -> Asked:
    known = {field.name for field in fields(Asked)}
    options: dict[str, Any] = {k: value for k, value in run.options.items() if k in known}
    seconds = run.options.get("terms", {}).get("retention_seconds")
    retention = None if seconds is None else timedelta(seconds=seconds)
    if options.get("max_rows") is not None:
        # The bound of the whole run; this process has what is left of it.
        options["max_rows"] = max(0, options["max_rows"] - run.rows_done)
    return Asked(**options, retention=None if retention == archive.policy.retention else retention)
