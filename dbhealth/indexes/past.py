"""What looks at the counters of indexes have come to: since when nobody has used an index."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import router
from django.db.models import Q, Sum

from dbhealth.backends.index_records import StatisticsSource
from dbhealth.clock import aware, kept
from dbhealth.indexes.models import IndexSnapshot, TrackedIndex


@dataclass(frozen=True, kw_only=True)
class Past:
    """What is known of an index from looks at it.

    ``first_seen`` and ``last_used`` bound how long nobody has used it; ``scans`` are those of all
    looks that are kept, ``unseen`` the part of that time that resets took away (seconds).
    """

    first_seen: datetime
    last_used: datetime | None
    looked_at: datetime
    looks: int
    scans: int
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

    In two statements, however many indexes there are.
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
        .annotate(total=Sum("indexcount__scans", filter=Q(indexcount__scans__gt=0)))
        .values_list("table", "name", "first_seen", "last_used", "total")
    )
    found = {}
    for table, name, first_seen, last_used, total in tracked:
        first, used = aware(first_seen), last_used and aware(last_used)
        found[table, name] = Past(
            first_seen=first,
            last_used=used,
            looked_at=last,
            looks=len(looks) - bisect_left(looks, (first, 0.0)),
            scans=total or 0,
            unseen=sum(unseen for taken, unseen in resets if taken > (used or first)),
        )
    return found
