"""What the counters of indexes came to between looks at them: use over months, without any reset.

The server forgets its counters in a crash, a failover and a reset; whoever knew them before still
knows. Differences between looks are kept, and what a reset took away unseen is kept as a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import IndexUse, StatisticsSource, UseReport
from dbhealth.backends.limits import batch_limits
from dbhealth.clock import aware, kept
from dbhealth.conf import get_settings
from dbhealth.indexes.models import (
    IndexCount,
    IndexSnapshot,
    IndexState,
    MissingIndex,
    TrackedIndex,
)
from dbhealth.indexes.past import where_kept

RECORDED = "recorded statements"
"""How the recorder is called where it is the source of the figures."""

_CHUNK = 1_000
"""Rows of one INSERT; SQLite bounds the parameters of a statement."""

_TRIES = 5

_OVERTAKEN = timedelta(hours=1)
"""Figures that are so much older than a look have been overtaken by it, and add nothing."""

_GROWTH = 1.1
"""A size is kept again when it has changed by a tenth."""


_MODELS = (IndexSnapshot, TrackedIndex, IndexCount, MissingIndex)
_TRACKED = tuple(
    column.name
    for column in TrackedIndex._meta.concrete_fields
    if column.name not in {"id", "database", "table", "name"}
)
_MISSED = tuple(
    column.name
    for column in MissingIndex._meta.concrete_fields
    if column.name not in {"id", "database", "table", "code", "what"}
)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look at a database has found.

    ``facts`` are fields of TrackedIndex by table and index, for those that could be judged;
    ``missed`` is what the database lacks. Of the tables ``left_out`` nothing is known anew.
    """

    report: UseReport
    facts: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    missed: Sequence[MissingIndex] = ()
    left_out: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a look found: its number, how many indexes, how many of them had been used since."""

    number: int
    indexes: int
    used: int
    unseen_seconds: float
    forgotten: int


def take_snapshot(alias: str, look: Callable[[], Look]) -> Taken:
    """Keep how indexes stand and what came to them since, and forget what is kept too long.

    ``look`` returns the figures; they add nothing when somebody has looked after them. Raises
    Django's database errors.
    """
    for _ in range(_TRIES - 1):
        try:
            return _taken(alias, look())
        except IntegrityError:
            continue  # somebody else looked at the same moment; this look comes after that one
    return _taken(alias, look())


def _taken(alias: str, found: Look) -> Taken:
    report = found.report
    backend = get_backend(where_kept(alias, report.source))
    tables = tuple(model._meta.db_table for model in _MODELS)
    limits = batch_limits()
    with backend.executor.atomic(lock=limits.lock):
        backend.session.begin_batch(limits, tables)
        last = _last(backend.alias, alias)
        if last is not None and _is_older(report.source, last):
            return Taken(
                number=last.number,
                indexes=len(report.indexes),
                used=0,
                unseen_seconds=0,
                forgotten=0,
            )
        look = _next(backend.alias, alias, report.source, last)
        used = _count(backend.alias, look, last, found)
        _keep_missed(backend.alias, look, found)
        forgotten = _forget(backend.alias, look)
    return Taken(
        number=look.number,
        indexes=len(report.indexes),
        used=used,
        unseen_seconds=look.unseen_seconds,
        forgotten=forgotten,
    )


def _last(using: str, alias: str) -> IndexSnapshot | None:
    return IndexSnapshot.objects.using(using).filter(database=alias).order_by("-number").first()


def _is_older(source: StatisticsSource, last: IndexSnapshot) -> bool:
    """Return whether figures are from before the last look; by far more, a clock was set back."""
    return timedelta(0) <= aware(last.taken_at) - source.now < _OVERTAKEN


def _next(
    using: str, alias: str, source: StatisticsSource, last: IndexSnapshot | None
) -> IndexSnapshot:
    return IndexSnapshot.objects.using(using).create(
        database=alias,
        number=1 if last is None else last.number + 1,
        taken_at=kept(source.now),
        since=None if source.since is None else kept(source.since),
        unseen_seconds=0 if last is None else _unseen(last, source),
    )


def _unseen(last: IndexSnapshot, source: StatisticsSource) -> float:
    """Return for how long the counters went on after the last look before they were lost."""
    if source.since is None:
        return 0
    return max(0.0, (source.since - aware(last.taken_at)).total_seconds())


def _count(using: str, look: IndexSnapshot, last: IndexSnapshot | None, found: Look) -> int:
    known = {
        (tracked.table, tracked.name): tracked
        for tracked in TrackedIndex.objects.using(using).filter(database=look.database)
    }
    gain = Gain(found.report.source, None if last is None else aware(last.taken_at))
    counts, tracks, used = [], [], 0
    for use in found.report.indexes:
        before = known.get((use.table, use.name))
        if before is not None and (before.oid != use.oid or before.state == IndexState.GONE):
            before = None  # another index has its name now, or it was built anew
        tracked = before or TrackedIndex(
            database=look.database, table=use.table, name=use.name, first_seen=look.taken_at
        )
        # The counters of the first look are from before it: since when, only the server knows.
        scans = gain.scans(use, tracked.scans or 0) if before else 0
        rows = gain.of(use.rows_read, tracked.rows_read or 0) if before else 0
        if scans:
            tracked.last_used, used = look.taken_at, used + 1
        if scans or before is None or _changed(use.bytes, tracked.bytes):
            tracked.bytes = use.bytes
            counts.append((use.table, use.name, scans, rows, use.bytes))
        tracked.last_seen, tracked.oid = look.taken_at, use.oid
        tracked.scans, tracked.rows_read = use.scans, use.rows_read
        if (facts := found.facts.get((use.table, use.name))) is not None:
            tracked.looked_at = look.taken_at
            vars(tracked).update(facts)
        tracks.append(tracked)
    _keep(using, look, tracks, counts)
    return used


class Gain:
    """What counters have gained since the look before. In doubt an index counts as used."""

    def __init__(self, source: StatisticsSource, looked_at: datetime | None) -> None:
        """Take where the counters come from and when they were looked at last."""
        self._looked_at = looked_at
        self._is_window = source.name == RECORDED
        self._began_again = (
            not self._is_window
            and source.since is not None
            and looked_at is not None
            and source.since > looked_at
        )

    def of(self, now: int | None, before: int) -> int:
        """Return the gain of a counter that was at ``before`` when it was looked at last."""
        now = now or 0
        if self._is_window:
            return max(0, now - before)
        # One that is lower began again, on another server perhaps, that tells of no reset.
        return now if self._began_again or now < before else now - before

    def scans(self, use: IndexUse, before: int) -> int:
        """Return the gain of the scans of an index.

        The recorder's sum is that of so many days: it stands still while use comes and goes, and
        then the moment of the last use tells.
        """
        gained = self.of(use.scans, before)
        if gained or not self._is_window or use.last_scan is None or self._looked_at is None:
            return gained
        return int(use.last_scan > self._looked_at)


def _changed(now: int | None, before: int | None) -> bool:
    if now is None or before is None:
        return now is not before
    return not before / _GROWTH <= now <= before * _GROWTH


def _keep(
    using: str,
    look: IndexSnapshot,
    tracks: list[TrackedIndex],
    counts: list[tuple[str, str, int, int, int | None]],
) -> None:
    TrackedIndex.objects.using(using).bulk_create(
        tracks,
        batch_size=_CHUNK,
        update_conflicts=True,
        unique_fields=["database", "table", "name"],
        update_fields=_TRACKED,
    )
    rows = TrackedIndex.objects.using(using).filter(database=look.database)
    gone = rows.filter(last_seen__lt=look.taken_at).exclude(state=IndexState.GONE)
    gone.update(state=IndexState.GONE)
    ids = {(table, name): pk for pk, table, name in rows.values_list("pk", "table", "name")}
    IndexCount.objects.using(using).bulk_create(
        (
            IndexCount(
                index_id=ids[table, name],
                snapshot=look,
                scans=scans,
                rows_read=rows_read,
                bytes=size,
            )
            for table, name, scans, rows_read, size in counts
        ),
        batch_size=_CHUNK,
    )


def _keep_missed(using: str, look: IndexSnapshot, found: Look) -> None:
    """Keep what is missed now; what no longer is has no row."""
    kept_rows = MissingIndex.objects.using(using)
    kept_rows.bulk_create(
        found.missed,
        batch_size=_CHUNK,
        update_conflicts=True,
        unique_fields=["database", "table", "code", "what"],
        update_fields=_MISSED,
    )
    old = kept_rows.filter(database=look.database, looked_at__lt=look.taken_at)
    old.exclude(table__in=found.left_out).delete()


def _forget(using: str, look: IndexSnapshot) -> int:
    """Delete what is kept too long; return how many looks."""
    before = look.taken_at - timedelta(days=get_settings().index_history_days)
    old = IndexSnapshot.objects.using(using).filter(database=look.database, taken_at__lt=before)
    IndexCount.objects.using(using).filter(snapshot__in=old).delete()
    IndexCount.objects.using(using).filter(
        index__database=look.database, index__last_seen__lt=before
    ).delete()
    TrackedIndex.objects.using(using).filter(database=look.database, last_seen__lt=before).delete()
    return old.delete()[0]
