"""Looks at all archives, for cron: the pages of the admin show what the last one has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, connections
from django.utils import timezone

from dbhealth.archive.policy import ArchivePolicy
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.archive.stats import TableStats, fill, table_stats
from dbhealth.archive.tracked import TrackedArchive
from dbhealth.backends import Backend, check_alias, get_backend
from dbhealth.backends.trouble import Trouble
from dbhealth.clock import kept
from dbhealth.conf import get_settings
from dbhealth.exceptions import DBHealthError, OutOfTime

_COUNTS = ("rows", "archive_rows", "eligible", "oldest", "purgeable")
_DECLARED = ("model", "app_label", "archive_table", "archive_model", "retention", "purge_after")
_SEEN = ("parents", "bytes", "archive_bytes", "error", "estimated", "counted_at", "looked_at")

_TOO_LATE = {Trouble.STATEMENT_TIMEOUT, Trouble.LOCK_TIMEOUT}


@dataclass(frozen=True, kw_only=True)
class TakenArchives:
    """What a look at archives came to: how many there are, without figures, counted too late."""

    archives: int
    failed: tuple[str, ...]
    late: tuple[str, ...]


def snapshot_archives(alias: str) -> TakenArchives:
    """Keep the figures of the archives whose sources the project's routers write in a database.

    Each has FIGURES_TIMEOUT seconds. Where that is too short the rows are estimated, and what
    cannot be told without counting stays as it was. Raises UsageError for an alias that DATABASES
    lacks, and Django's database errors.
    """
    check_alias(alias)
    backend = get_backend(alias)
    rows = TrackedArchive.objects.using(alias).filter(database=alias)
    known = {row.table: row for row in rows}
    now = kept(backend.session.now())
    found = {archive.table: archive for archive, place in archives_in(None) if place == alias}
    taken = [_looked_at(found[table], backend, known.get(table), now) for table in sorted(found)]
    _keep(alias, taken)
    rows.exclude(table__in=list(found)).delete()
    return TakenArchives(
        archives=len(taken),
        failed=tuple(row.table for row in taken if row.error),
        late=tuple(row.table for row in taken if row.is_late),
    )


def _keep(alias: str, taken: Iterable[TrackedArchive]) -> None:
    TrackedArchive.objects.using(alias).bulk_create(
        taken,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["database", "table"],
        update_fields=[*_DECLARED, *_COUNTS, *_SEEN],
    )


def _looked_at(
    archive: Archive, backend: Backend, was: TrackedArchive | None, now: datetime
) -> TrackedArchive:
    stats, is_late = _figures(archive, backend)
    row = _declared(archive, backend.alias)
    row.parents, row.error = stats["parents"], stats["error"]
    row.bytes, row.archive_bytes = stats["bytes"], stats["archive_bytes"]
    row.rows, row.archive_rows = stats["rows"], stats["archive_rows"]
    row.eligible, row.purgeable = stats["archivable_records"], stats["purgeable_records"]
    row.oldest = moment(stats["oldest"], backend.alias)
    row.estimated, row.looked_at, row.counted_at = is_late, now, now
    if is_late or row.error:
        row.counted_at = None if was is None else was.counted_at
    if is_late and was is not None:
        for name in _COUNTS:
            if getattr(row, name) is None:
                setattr(row, name, getattr(was, name))
    return row


def _figures(archive: Archive, backend: Backend) -> tuple[TableStats, bool]:
    """Return what can be told of a table in time, and whether not everything could."""
    seconds, lock = get_settings().figures_timeout, get_settings().lock_timeout
    stats = table_stats(archive, backend.alias)
    for is_exact in (True, False):
        try:
            with backend.executor.looking(lock=lock, seconds=seconds):
                fill(stats, archive, backend, exact=is_exact)
            return stats, not is_exact
        except OutOfTime:
            continue
        except DBHealthError as error:
            stats["error"] = str(error)
            return stats, False
        except DatabaseError as error:
            if backend.errors.trouble(error) in _TOO_LATE:
                continue
            stats["error"] = str(error)
            return stats, False
    return stats, True


def _declared(archive: Archive, alias: str) -> TrackedArchive:
    policy = archive.own_policy or ArchivePolicy(timestamp_field="")
    return TrackedArchive(
        database=alias,
        table=archive.table,
        model=archive.label,
        app_label=archive.source._meta.app_label,
        archive_table=archive.archive_table,
        archive_model=archive.model._meta.label,
        retention=_span(policy.retention),
        purge_after=_span(policy.purge_after),
    )


def _span(value: object) -> timedelta | None:
    """Return a span; a policy may hold anything until its check has found it."""
    return value if isinstance(value, timedelta) else None


def moment(text: str | None, alias: str) -> datetime | None:
    """Return a timestamp or a day of the engine as the project keeps moments.

    None for one that Python lacks.
    """
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if found is None:
        return None
    if timezone.is_naive(found):
        zone = connections[alias].timezone if len(text or "") > len("2026-01-01") else None
        found = timezone.make_aware(found, zone)
    return kept(found)
