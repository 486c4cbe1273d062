"""How sizes have grown over the looks that are kept, and where that leads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import Any, TypeVar

from django.db.models import QuerySet

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.clock import aware, kept
from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot
from dbhealth.maintenance.sizes import Relation, where_kept

T = TypeVar("T")

WINDOW = timedelta(days=90)
"""Growth before that says little of what is to come."""

ENOUGH = timedelta(days=7)
"""Looks over a shorter time are no ground for a projection: a week has its working days."""

_POINTS = 31
"""Looks out of which a slope is found."""

_DAY = timedelta(days=1)

Series = Sequence[tuple[datetime, int]]
"""Sizes by time, the oldest first (bytes)."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How a size has grown since ``since``, and what it will be if it goes on like that (bytes).

    ``per_day`` and what follows from it are None where the looks span less than ENOUGH.
    """

    since: datetime
    then: int
    now: int
    per_day: float | None
    in_30_days: int | None
    in_90_days: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, with the growth itself."""
        return {**asdict(self), "since": self.since.isoformat(), "bytes": self.now - self.then}


def growth(series: Series) -> Growth | None:
    """Return how a size grows, None where it is known at one moment only.

    The growth of a day is the median of the growths between any two of at most 31 looks
    (Theil and Sen): a bulk load, an archive run or a VACUUM FULL does not bend it.
    """
    if len(series) < 2:
        return None
    (since, then), (until, now) = series[0], series[-1]
    per_day = None
    if until - since >= ENOUGH:
        pairs = combinations(_evenly(series, _POINTS), 2)
        per_day = median((b - a) / ((later - sooner) / _DAY) for (sooner, a), (later, b) in pairs)
    return Growth(
        since=since,
        then=then,
        now=now,
        per_day=per_day,
        in_30_days=None if per_day is None else max(0, round(now + 30 * per_day)),
        in_90_days=None if per_day is None else max(0, round(now + 90 * per_day)),
    )


def _evenly(items: Sequence[T], most: int) -> Sequence[T]:
    """Return at most so many items, evenly by their number, the first and the last included."""
    if len(items) <= most:
        return items
    step = (len(items) - 1) / (most - 1)
    return [items[round(place * step)] for place in range(most)]


@dataclass(frozen=True, slots=True)
class _Past:
    """Sizes of a relation: ``before`` the first change, and after each at the look in its place."""

    before: int
    places: list[int]
    sizes: list[int]


class SizeHistory:
    """What the looks of the last 90 days have found, read in few statements."""

    def __init__(
        self,
        alias: str,
        source: StatisticsSource,
        tables: Collection[str] | None = None,
        *,
        indexes: bool = True,
    ) -> None:
        """Read the looks, and the changes of ``tables`` (None: of all), with their indexes or not.

        Looks at ``source.now`` or later do not count: the size of that moment is given.
        """
        using = where_kept(alias, source)
        self._now = source.now
        begin = kept(source.now - WINDOW)
        looks = SizeSnapshot.objects.using(using).filter(database=alias, taken_at__gte=begin)
        # A database without dbhealth's own tables has no history.
        if get_backend(using).catalog.relation(SizeSnapshot._meta.db_table) is None:
            looks = looks.none()
        taken = [
            (pk, aware(moment), size)
            for pk, moment, size in looks.order_by("taken_at").values_list(
                "pk", "taken_at", "bytes"
            )
        ]
        self.looks = [(moment, size) for _, moment, size in taken if moment < source.now]
        relations = SizedRelation.objects.using(using).filter(database=alias)
        changes = SizeChange.objects.using(using).filter(
            relation__database=alias, snapshot__taken_at__gte=begin
        )
        if tables is not None:
            relations = relations.filter(table__in=tables)
            changes = changes.filter(relation__table__in=tables)
        if not indexes:
            relations, changes = relations.filter(index=""), changes.filter(relation__index="")
        self._relations: dict[Relation, tuple[datetime, int]] = {}
        self._pasts: dict[Relation, _Past] = {}
        if self.looks:
            self._read(relations, changes, {pk: place for place, (pk, _, _) in enumerate(taken)})

    def _read(
        self,
        relations: QuerySet[SizedRelation],
        changes: QuerySet[SizeChange],
        places: dict[int, int],
    ) -> None:
        names: dict[int, Relation] = {}
        rows = relations.values_list("pk", "table", "index", "first_seen", "bytes")
        for pk, table, index, first, size in rows:
            names[pk] = table, index
            self._relations[table, index] = aware(first), size
        # Numbers only: there may be a hundred changes of each of ten thousand relations.
        found = changes.order_by("relation_id", "snapshot__taken_at", "snapshot_id")
        for pk, look, before, size in found.values_list(
            "relation_id", "snapshot_id", "before", "bytes"
        ):
            if pk not in names or look not in places:
                continue  # somebody has taken a look since the statements above
            past = self._pasts.setdefault(names[pk], _Past(before or 0, [], []))
            past.places.append(places[look])
            past.sizes.append(size)

    def of_database(self, now: int) -> Growth | None:
        """Return the growth of the whole database, which has ``now`` bytes."""
        return growth([*self.looks, (self._now, now)]) if self.looks else None

    def of(self, now: int, *relations: Relation) -> Growth | None:
        """Return the growth of relations together, which have ``now`` bytes.

        Since the first look that has seen one of them.
        """
        return growth(self.series(now, *relations, most=_POINTS - 1))

    def of_table(self, table: str) -> tuple[Relation, ...]:
        """Return a table and its indexes, as far as looks have seen them."""
        return tuple(relation for relation in self._relations if relation[0] == table)

    def series(self, now: int, *relations: Relation, most: int | None = None) -> Series:
        """Return what relations had together at each look, and the ``now`` bytes of this moment.

        Since the first look that has seen one of them; empty where none has. ``most``: at so many
        looks at the most, evenly by their number.
        """
        known = [relation for relation in relations if relation in self._relations]
        if not known:
            return ()
        first = min(self._relations[relation][0] for relation in known)
        places = [place for place, (taken, _) in enumerate(self.looks) if taken >= first]
        if most is not None:
            places = list(_evenly(places, most))
        before = [
            (self.looks[place][0], sum(self._at(relation, place) for relation in known))
            for place in places
        ]
        return [*before, (self._now, now)]

    def tables(self) -> dict[str, Growth]:
        """Return the growth of each table with its indexes, by the sizes of the last look."""
        own: dict[str, list[Relation]] = {}
        for relation in self._relations:
            own.setdefault(relation[0], []).append(relation)
        return {
            table: found
            for table, relations in own.items()
            if any(relation in self._pasts for relation in relations)
            and (found := self.of(sum(self._relations[one][1] for one in relations), *relations))
        }

    def _at(self, relation: Relation, place: int) -> int:
        """Return the size that a relation had at a look; nothing before it was there."""
        first_seen, last = self._relations[relation]
        if self.looks[place][0] < first_seen:
            return 0
        past = self._pasts.get(relation)
        if past is None:
            return last
        changes = bisect_right(past.places, place)
        return past.sizes[changes - 1] if changes else past.before
