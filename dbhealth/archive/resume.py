"""Carrying on with an archive run that somebody names, as it was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dbhealth.archive.api import archive_tables
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import Archive
from dbhealth.archive.results import ArchiveResult
from dbhealth.archive.resuming import declared, options_left, terms_of
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun


def resume_archive(run: MaintenanceRun, circumstances: Circumstances) -> ArchiveResult:
    """Carry on with a paused, interrupted or dead archive run, here and now.

    Its cutoff, cursor, counters and bounds are its own. Raises IllegalMove when its archive is not
    declared any more; what else stands in the way is in the result.
    """
    archive = declared(run, table=run.target, archive_table=terms_of(run).get("archive"))
    return archive_tables(
        [(archive, run.database)],
        _asked(run, archive),
        circumstances=replace(circumstances, resumes=run.pk),
    )


def _asked(run: MaintenanceRun, archive: Archive) -> Asked:
    seconds = terms_of(run).get("retention_seconds")
    retention = None if seconds is None else timedelta(seconds=seconds)
    own = retention == archive.policy.retention
    return Asked(retention=None if own else retention, **options_left(run, Asked))
