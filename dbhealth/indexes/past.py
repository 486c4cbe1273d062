"""What looks at the counters of indexes have come to: since when nobody has used an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cache

from django.db import connections, router
from django.db.models import TextField
from django.db.models.functions import Cast

from dbhealth.backends.index_records import StatisticsSource
from dbhealth.clock import aware, kept
from dbhealth.indexes.models import IndexSnapshot, TrackedIndex


@dataclass(frozen=True, kw_only=True)
class Past:
    """What is known of an index from looks at it.

    ``first_seen`` and ``last_used`` bound how long nobody has used it, ``unseen`` is the part of
    that time that resets took away (seconds).
    """

    first_seen: datetime
    last_used: datetime | None
    looked_at: datetime
    unseen: float

    @property
    def unused_for(self) -> timedelta:
        """For how long no look has found it used."""
        return self.looked_at - (self.last_used or self.first_seen)


def where_kept(alias: str, source: StatisticsSource) -> str:
    """Return the alias of the database that keeps the history of ``alias``."""
    return router.db_for_write(IndexSnapshot) if source.replica else alias


def past(alias: str, source: StatisticsSource) -> dict[tuple[str, str], Past]:
    """Return what is known of every index that the last look saw, by table and name.

    In two statements, however many indexes there are. What came to each index at each look, which
    may be millions of rows, is not read.
    """
    using = where_kept(alias, source)
    looks = [
        (aware(taken), unseen)
        for taken, unseen in IndexSnapshot.objects.using(using)
        .filter(database=alias)
        .order_by("number")
        .values_list("taken_at", "unseen_seconds")
    ]
    if not looks:
        return {}
    last, resets = looks[-1][0], [(taken, unseen) for taken, unseen in looks if unseen]
    tracked = (
        TrackedIndex.objects.using(using)
        .filter(database=alias, last_seen=kept(last))
        .values_list("table", "name", _as_text("first_seen"), _as_text("last_used"))
    )

    zone = connections[using].timezone

    @cache
    def between(first_seen: str, last_used: str | None) -> Past:
        first = _moment(first_seen, zone)
        used = _moment(last_used, zone) if last_used else None
        return Past(
            first_seen=first,
            last_used=used,
            looked_at=last,
            unseen=sum(unseen for taken, unseen in resets if taken > (used or first)),
        )

    return {(table, name): between(*moments) for table, name, *moments in tracked}


def _as_text(name: str) -> Cast:
    """Return a column of moments as text: they are those of the looks, few for all indexes."""
    return Cast(name, TextField())


def _moment(text: str, zone: tzinfo | None) -> datetime:
    moment = datetime.fromisoformat(text)
    # SQLite's text is in the zone that Django keeps moments in, and does not say so.
    return aware(moment if moment.tzinfo else moment.replace(tzinfo=zone))
