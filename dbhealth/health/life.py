"""The life of a finding: seen first, seen again, acknowledged, resolved, forgotten."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import router

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.limits import batch_limits
from dbhealth.backends.records import Standing
from dbhealth.clock import aware, kept
from dbhealth.conf import get_settings
from dbhealth.exceptions import UsageError
from dbhealth.health.finding import Finding, Level, shortened
from dbhealth.health.models import FindingRecord
from dbhealth.health.report import Report
from dbhealth.saying import say as _

_CHUNK = 1_000
"""Rows of one INSERT; Django makes it less where the engine bounds the parameters."""

_FACTS = (
    *("title", "value", "threshold", "unit", "confidence", "reasons"),
    *("why", "instead", "sql", "change", "file", "line", "help"),
)
"""What of a finding is kept with its title, which has a column for searches too."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """What is known of a finding.

    ``is_new``: nobody had seen it, or it had been resolved. ``is_acknowledged``: now, and at the
    level that it has now.
    """

    first_seen: datetime
    is_new: bool = False
    is_acknowledged: bool = False
    acknowledged_by: str = ""
    acknowledged_until: datetime | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        until = self.acknowledged_until
        return {
            "first_seen": self.first_seen.isoformat(),
            "new": self.is_new,
            "acknowledged": self.is_acknowledged,
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_until": until.isoformat() if until else None,
            "note": self.note,
        }


Lives = dict[str, Life]
"""What is known of findings, by their keys."""


def where_kept(alias: str, standing: Standing) -> str:
    """Return the alias of the database that keeps the findings of ``alias``.

    Its own; those of one that takes no writes are where the project's routers write them.
    """
    return alias if standing.takes_writes else router.db_for_write(FindingRecord)


def lives(report: Report) -> Lives | None:
    """Return what is known of the findings of a report, None where nothing can be.

    Nothing is written. Raises Django's database errors.
    """
    backend = get_backend(where_kept(report.alias, report.standing))
    if not has_table(backend):
        return None
    known, now = _known(backend.alias, report.alias), kept(backend.session.now())
    return {
        finding.key: _life(known[finding.key], finding, now)
        for finding in report.findings
        if finding.key in known
    }


def has_table(backend: Backend) -> bool:
    """Return whether ``migrate`` has made the table of findings."""
    return backend.catalog.relation(FindingRecord._meta.db_table) is not None


def remember(report: Report) -> Lives | None:
    """Keep what was seen, resolve what was looked for and not seen, forget what is long resolved.

    A finding that is resolved loses an acknowledgement without an end. Returns what is known of
    every finding of the report, None where there is no table to keep it (``migrate`` makes it).
    Raises Django's database errors.
    """
    backend = get_backend(where_kept(report.alias, report.standing))
    table = FindingRecord._meta.db_table
    if not has_table(backend):
        return None
    limits = batch_limits()
    with backend.executor.atomic(lock=limits.lock):
        now = kept(backend.session.begin_batch(limits, (table,)).now)
        known = _known(backend.alias, report.alias)
        seen = {finding.key: finding for finding in report.findings}
        _keep(backend.alias, seen, known, now)
        _resolve(backend.alias, [r for key, r in known.items() if key not in seen], report, now)
        _forget(backend.alias, report.alias, now)
    return {key: _life(known.get(key), finding, now) for key, finding in seen.items()}


def _known(using: str, alias: str) -> dict[str, FindingRecord]:
    found = FindingRecord.objects.using(using).filter(database=alias)
    return {record.key: record for record in found}


def _keep(
    using: str, seen: dict[str, Finding], known: dict[str, FindingRecord], now: datetime
) -> None:
    records = [
        FindingRecord(
            key=key,
            check_id=finding.id,
            database=finding.database,
            object=shortened(finding.object),
            level=finding.level,
            title=finding.title,
            facts={name: finding.as_dict()[name] for name in _FACTS},
            first_seen=known[key].first_seen if key in known else now,
            last_seen=now,
        )
        # In one order, so that two that do this at once wait for each other and do not deadlock.
        for key, finding in sorted(seen.items())
    ]
    FindingRecord.objects.using(using).bulk_create(
        records,
        batch_size=_CHUNK,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["level", "title", "facts", "last_seen", "resolved_at"],
    )


def _resolve(using: str, unseen: list[FindingRecord], report: Report, now: datetime) -> None:
    gone = [
        record
        for record in unseen
        if record.resolved_at is None and report.judged(record.check_id, record.object)
    ]
    for record in gone:
        record.resolved_at = now
        if record.acknowledged_until is None:
            _clear(record)
    FindingRecord.objects.using(using).bulk_update(
        gone, ["resolved_at", *_ACKNOWLEDGED], batch_size=_CHUNK
    )


def _forget(using: str, alias: str, now: datetime) -> None:
    before = now - timedelta(days=get_settings().health_history_days)
    FindingRecord.objects.using(using).filter(database=alias, resolved_at__lt=before).delete()


def _life(record: FindingRecord | None, finding: Finding, now: datetime) -> Life:
    if record is None:
        return Life(first_seen=aware(now), is_new=True)
    until = record.acknowledged_until
    holds = record.acknowledged_at is not None and (until is None or until > now)
    return Life(
        first_seen=aware(record.first_seen),
        is_new=record.resolved_at is not None,
        is_acknowledged=holds and finding.level <= Level(record.acknowledged_level),
        acknowledged_by=record.acknowledged_by,
        acknowledged_until=aware(until) if until else None,
        note=record.note,
    )


_ACKNOWLEDGED = [
    "acknowledged_by",
    "acknowledged_at",
    "acknowledged_until",
    "acknowledged_level",
    "note",
]


def acknowledge(
    key: str, *, by: str, until: datetime | None = None, note: str = ""
) -> FindingRecord:
    """Say that somebody knows of a finding: it is shown apart and counts no more.

    It holds ``until`` a moment, else until the finding is resolved, and in any case only as long
    as the finding gets no graver. Returns the record. Raises UsageError when no such finding is
    open, or when ``until`` has passed.
    """
    record, now = _find(key)
    if until is not None and kept(until) <= now:
        raise UsageError(f"{until.isoformat()} has passed; name a time to come.")
    record.acknowledged_by, record.acknowledged_at = by, now
    record.acknowledged_until = None if until is None else kept(until)
    record.acknowledged_level, record.note = record.level, note
    record.save(update_fields=_ACKNOWLEDGED)
    return record


def withdraw(key: str) -> FindingRecord:
    """Take an acknowledgement back. Raises UsageError when no such finding is open."""
    record, _now = _find(key)
    _clear(record)
    record.save(update_fields=_ACKNOWLEDGED)
    return record


def _clear(record: FindingRecord) -> None:
    record.acknowledged_by = record.acknowledged_level = record.note = ""
    record.acknowledged_at = record.acknowledged_until = None


def _find(key: str) -> tuple[FindingRecord, datetime]:
    alias = key.partition(":")[2].partition(":")[0]
    if not alias:
        raise UsageError(f"{key!r} is no key of a finding: that is ID:DATABASE:OBJECT.")
    backend = get_backend(where_kept(alias, get_backend(alias).session.standing()))
    if not has_table(backend):
        raise UsageError(f"{backend.alias!r} keeps no findings yet: run manage.py migrate.")
    found = FindingRecord.objects.using(backend.alias).filter(database=alias)
    records = {record.key: record for record in found.filter(resolved_at__isnull=True)}
    if key not in records:
        close = difflib.get_close_matches(key, records, n=1)
        hint = (
            _("Did you mean {close!r}?", close=close[0])
            if close
            else "db_health --format json shows the keys."
        )
        raise UsageError(f"No open finding has the key {key!r}. {hint}")
    return records[key], kept(backend.session.now())
