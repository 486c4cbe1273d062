"""get_archival_stats: how much is where, and how much may leave."""

from __future__ import annotations

from typing import Any, TypedDict

from django.db import DatabaseError

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.family import Family, parents_of
from dbhealth.archive.obstacles import structure_of
from dbhealth.archive.purge_plan import purgeable_rows
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.archive.selection import driver_moment, selection, timestamp_field
from dbhealth.backends import Backend, get_backend
from dbhealth.backends.limits import survey_limits
from dbhealth.backends.records import Relation
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
    stats = table_stats(archive, alias)
    try:
        fill(stats, archive, get_backend(alias))
    except (DBHealthError, DatabaseError) as error:
        stats["error"] = str(error)
    return stats


def table_stats(archive: Archive, alias: str) -> TableStats:
    """Return the entry of a table of which nothing is known yet."""
    return TableStats(
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


def fill(stats: TableStats, archive: Archive, backend: Backend, *, exact: bool = True) -> None:
    """Put the figures of a table into its entry, one after the other.

    ``exact``: count rows; else the server's estimate has to do, and only the rows that may leave
    are counted. Raises Refused where the archive is not declared right, and Django's database
    errors; what was found before that stays.
    """
    ensure_declared_right(archive)
    if archive.leaves_alone:
        stats["retention_days"] = archive.retention.total_seconds() / 86_400
    _of_tables(stats, archive, backend, exact=exact)
    if backend.catalog.relation(MaintenanceRun._meta.db_table):
        stats["last_run"] = _last_run(archive, backend.alias)
    structure = structure_of(archive, backend)
    if structure.family is None:
        stats["error"] = "\n".join(map(str, structure.refusals))
        return
    if archive.leaves_alone:
        relation = structure.relations[archive.table]
        _of_policy(stats, archive, backend, relation, structure.family, exact=exact)
    elif exact:
        stats["rows"] = backend.rows.count(archive.table, survey_limits())
    policy = archive.own_policy
    if policy is not None and policy.purge_after is not None:
        stats["purge_after_days"] = policy.purge_after.total_seconds() / 86_400
        stats["purgeable_records"] = purgeable_rows(archive, backend)


def _of_tables(stats: TableStats, archive: Archive, backend: Backend, *, exact: bool) -> None:
    size = backend.statistics.relation_size
    source, target = size(archive.table), size(archive.archive_table)
    stats["bytes"] = source.total_bytes if source else None
    stats["archive_bytes"] = target.total_bytes if target else None
    if not exact:
        stats["rows"] = source.estimated_rows if source else None
        stats["archive_rows"] = target.estimated_rows if target else None
    elif target:
        stats["archive_rows"] = backend.rows.count(archive.archive_table, survey_limits())


def _of_policy(
    stats: TableStats,
    archive: Archive,
    backend: Backend,
    relation: Relation,
    family: Family,
    *,
    exact: bool,
) -> None:
    # No plan is made: what may leave counts, whatever would stand in the way of a run.
    now = backend.session.now()
    chosen = selection(archive, now - archive.retention, backend, relation, family)
    if exact:
        stamp = driver_moment(timestamp_field(archive), now, backend.alias)
        survey = backend.rows.full_survey(chosen, stamp, survey_limits())
        stats["rows"], stats["oldest"] = survey.rows, survey.oldest_of_all
    else:
        survey = backend.rows.survey(chosen, survey_limits())
        stats["oldest"] = survey.oldest
    stats["archivable_records"] = survey.eligible


def _last_run(archive: Archive, alias: str) -> dict[str, Any] | None:
    runs = MaintenanceRun.objects.using(alias).filter(
        operation=Operation.ARCHIVE, database=alias, target=archive.table
    )
    run = runs.first()
    return run.snapshot() if run else None
