"""Carrying on with a purge that somebody names, as it was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dbhealth.archive.purge_api import purge_tables
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.purge_results import PurgeResult
from dbhealth.archive.resuming import declared, options_left, terms_of
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun


def resume_purge(run: MaintenanceRun, circumstances: Circumstances) -> PurgeResult:
    """Carry on with a paused, interrupted or dead purge, here and now.

    Its cutoff, cursor, counters and bounds are its own. Raises IllegalMove when its archive is not
    declared any more; what else stands in the way is in the result.
    """
    archive = declared(run, table=terms_of(run).get("source"), archive_table=run.target)
    return purge_tables(
        [(archive, run.database)],
        _asked(run),
        circumstances=replace(circumstances, resumes=run.pk),
    )


def _asked(run: MaintenanceRun) -> PurgeAsked:
    seconds = terms_of(run).get("keeps_seconds")
    older_than = None if seconds is None else timedelta(seconds=seconds)
    return PurgeAsked(older_than=older_than, **options_left(run, PurgeAsked))
