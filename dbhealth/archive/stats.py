"""get_archival_stats: how much is where, and how much may leave."""

from __future__ import annotations

from typing import Any, TypedDict

from django.db import DatabaseError

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.family import family_of, parents_of
from dbhealth.archive.obstacles import family_refusals
from dbhealth.archive.plan import survey_limits
from dbhealth.archive.purge_plan import purgeable_rows
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.archive.selection import driver_moment, selection, timestamp_field
from dbhealth.backends import Backend, get_backend
from dbhealth.exceptions import DBHealthError
from dbhealth.runs.models import MaintenanceRun, Operation


class TableStats(TypedDict):
    """One table with an archive. Sizes are bytes, None where the engine cannot tell.

    ``retention_days``, ``archivable_records`` and ``last_run`` are None where rows leave with their
    parents only, and ``parents`` are the tables of these; ``purge_after_days`` and
    ``purgeable_records`` where the archive keeps its rows for ever.

    ``error`` says why figures are missing, and is empty when none is.
    """

    table: str
    model: str
    archive_table: str
    database: str
    retention_days: float | None
    parents: list[str]
    rows: int | None
    bytes: int | None
    archive_rows: int | None
    archive_bytes: int | None
    archivable_records: int | None
    purge_after_days: float | None
    purgeable_records: int | None
    oldest: str | None
    last_run: dict[str, Any] | None
    error: str


class ArchivalStats(TypedDict):
    """What :func:`get_archival_stats` returns: an entry per table, and the totals."""

    tables: dict[str, TableStats]
    total_records: int
    total_archived_records: int
    total_archivable_records: int
    total_purgeable_records: int


def get_archival_stats(using: str | None = None) -> ArchivalStats:
    """Return the figures of every table with an archive, and their totals.

    ``using`` None: each table in the database it is routed to. Counts are exact and read the
    tables; a table that cannot be read has its reason in ``error`` and counts as nothing.
    """
    tables = [_table(archive, alias) for archive, alias in archives_in(using)]
    return {
        "tables": {stats["table"]: stats for stats in tables},
        "total_records": sum(stats["rows"] or 0 for stats in tables),
        "total_archived_records": sum(stats["archive_rows"] or 0 for stats in tables),
        "total_archivable_records": sum(stats["archivable_records"] or 0 for stats in tables),
        "total_purgeable_records": sum(stats["purgeable_records"] or 0 for stats in tables),
    }


def _table(archive: Archive, alias: str) -> TableStats:
    stats = TableStats(
        table=archive.table,
        model=archive.label,
        archive_table=archive.archive_table,
        database=alias,
        retention_days=None,
        parents=[parent.table for parent in parents_of(archive)],
        rows=None,
        bytes=None,
        archive_rows=None,
        archive_bytes=None,
        archivable_records=None,
        purge_after_days=None,
        purgeable_records=None,
        oldest=None,
        last_run=None,
        error="",
    )
    try:
        ensure_declared_right(archive)
        if archive.leaves_alone:
            stats["retention_days"] = archive.retention.total_seconds() / 86_400
        _fill(stats, archive, get_backend(alias))
    except (DBHealthError, DatabaseError) as error:
        stats["error"] = str(error)
    return stats


def _fill(stats: TableStats, archive: Archive, backend: Backend) -> None:
    size, kept = backend.statistics.relation_size, backend.rows.count
    source, target = size(archive.table), size(archive.archive_table)
    stats["bytes"] = source.total_bytes if source else None
    stats["archive_bytes"] = target.total_bytes if target else None
    if target:
        stats["archive_rows"] = kept(archive.archive_table, survey_limits())
    if backend.catalog.relation(MaintenanceRun._meta.db_table):
        stats["last_run"] = _last_run(archive, backend.alias)
    relation = backend.catalog.relation(archive.table)
    if (found := family_refusals(archive, backend)) or relation is None:
        stats["error"] = "\n".join(map(str, found))
        return
    policy = archive.own_policy
    if policy is not None and policy.purge_after is not None:
        stats["purge_after_days"] = policy.purge_after.total_seconds() / 86_400
        stats["purgeable_records"] = purgeable_rows(archive, backend)
    if not archive.leaves_alone:
        stats["rows"] = kept(archive.table, survey_limits())
        return
    # No plan is made: what may leave counts, whatever would stand in the way of a run.
    now = backend.session.now()
    family = family_of(archive, backend)
    chosen = selection(archive, now - archive.retention, backend, relation, family)
    stamp = driver_moment(timestamp_field(archive), now, backend.alias)
    survey = backend.rows.full_survey(chosen, stamp, survey_limits())
    stats["rows"], stats["oldest"] = survey.rows, survey.oldest_of_all
    stats["archivable_records"] = survey.eligible


def _last_run(archive: Archive, alias: str) -> dict[str, Any] | None:
    runs = MaintenanceRun.objects.using(alias).filter(
        operation=Operation.ARCHIVE, database=alias, target=archive.table
    )
    run = runs.first()
    return run.snapshot() if run else None
