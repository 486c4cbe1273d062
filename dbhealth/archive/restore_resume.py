"""Carrying on with a restoration that somebody names, as it was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_chain import ensure_whole, followers, joined, leading
from dbhealth.archive.restore_results import RestoreResult
from dbhealth.archive.restore_tables import Restoring
from dbhealth.archive.restore_wanted import Wanted, parse_keys
from dbhealth.archive.resuming import declared, options_left, terms_of
from dbhealth.exceptions import IllegalMove
from dbhealth.runs.busy import command
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.queue import taking
from dbhealth.saying import say as _


def resume_restore(run: MaintenanceRun, circumstances: Circumstances) -> RestoreResult:
    """Carry on with a paused, interrupted or dead restoration of one table, here and now.

    Raises IllegalMove when its archive is not declared any more, or when its rows were chosen by
    a condition, which only Python code can say again; what else stands in the way is in the
    result.
    """
    archive = declared(run, table=run.target, archive_table=terms_of(run).get("archive"))
    wanted = _wanted(run, archive)
    with leading(run):
        ensure_whole(run, archive, wanted)
        work = Restoring([(archive, run.database)], wanted, replace(circumstances, resumes=run.pk))
        found = work.execute()
    results = [found]
    for follower in followers(run):
        with taking(run.database, follower.pk):
            results.append(resume_restore(follower, circumstances))
    return joined(results)


def _wanted(run: MaintenanceRun, archive: Archive) -> Wanted:
    terms = terms_of(run)
    if terms["where"] is not None:
        raise IllegalMove(
            _(
                "Run {pk} stays as it is. Its rows were chosen by where={condition}, which only "
                "Python code can say again. {cancel} gives it up; what has come back stays, and "
                "the same call of restore() brings back the rest.",
                pk=run.pk,
                condition=str(terms["where"]),
                cancel=command("cancel", run.pk, run.database),
            )
        )
    return Wanted(
        run=terms["run"],
        keys=None if terms["keys"] is None else parse_keys(archive, terms["keys"]),
        since=_moment(terms["since"]),
        until=_moment(terms["until"]),
        skip_conflicts=terms["skip_conflicts"],
        **options_left(run, Wanted),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
