"""What all tables of the demo share: the time, the sizes, the people, the source of chance."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import accumulate
from random import Random

from django.db.models import Model

from .timeline import DAY, Timeline, apportion

# Rows of each table as a divisor of the rows of the two high-volume tables, and the most and the
# fewest there may be.
SIZES = {
    "users": (80, 20, 5_000),
    "sessions": (10, 20, 30_000),
    "messages": (3, 60, 40_000),
    "uploaded_files": (30, 10, 8_000),
    "conversations": (15, 20, 15_000),
    "conversation_messages": (3, 60, 40_000),
    "life_areas": (25, 20, 10_000),
    "goals": (12, 30, 25_000),
    "tasks": (4, 60, 40_000),
    "media_attachments": (25, 20, 10_000),
    "memory_items": (10, 20, 25_000),
    "user_preferences": (30, 20, 8_000),
    "tenants": (4_000, 4, 60),
    "documents": (12, 20, 20_000),
    "document_chunks": (3, 60, 40_000),
    "groves": (200, 5, 2_000),
    "branches": (25, 10, 8_000),
    "artikel": (400, 12, 800),
    "charge": (30, 20, 8_000),
    "lagerbewegung": (4, 60, 40_000),
    "django_admin_log": (30, 20, 8_000),
    "django_session": (15, 20, 12_000),
}
HIGH_VOLUME = ("feedback_logs", "story_sessions")

Row = tuple[str | int | float | None, ...]


@dataclass(frozen=True)
class Table:
    """The rows of one table: `columns` are its database columns, in the order of each row.

    A value is text, a number or None, in the spelling that both engines read: moments in UTC
    without an offset, UUIDs without dashes, 0 and 1 for booleans, decimals and JSON as text.
    Making the rows must not query the database: it happens in the middle of a COPY.
    """

    model: type[Model]
    columns: tuple[str, ...]
    count: int
    rows: Iterable[Row]

    @property
    def name(self) -> str:
        return self.model._meta.db_table


class People:
    """The users who do things. A few do most of it: the weights follow Zipf's law."""

    def __init__(self, rng: Random, timeline: Timeline, first_id: int, count: int) -> None:
        early = count // 5
        before = [rng.randrange(timeline.start) for _ in range(early)]
        self.joined = sorted(before) + timeline.moments(rng, count - early)
        self.ids = list(range(first_id, first_id + count))
        weights = [1 / rank for rank in range(1, count + 1)]
        rng.shuffle(weights)
        self._bounds = list(accumulate(weights))

    def at(self, rng: Random, moments: Iterable[int]) -> list[int]:
        """Return a user id for each moment, of somebody who had joined by then."""
        ids, joined, bounds, chance = self.ids, self.joined, self._bounds, rng.random
        return [
            ids[bisect_left(bounds, chance() * bounds[bisect_right(joined, moment) - 1])]
            for moment in moments
        ]

    def during(self, rng: Random, moment: int, count: int) -> list[int]:
        """Return `count` user ids of people who had joined by one moment."""
        there = bisect_right(self.joined, moment)
        return rng.choices(self.ids[:there], cum_weights=self._bounds[:there], k=count)


@dataclass(frozen=True)
class World:
    """One set of demo data. The same rows, day and seed give the same data, table by table."""

    rows: int
    day: date
    seed: int = 1
    # The first user is the mark of the demo, and does nothing.
    mark_id: int = field(default=1, init=False)

    def rng(self, name: str) -> Random:
        """Return the source of chance for one table: other tables neither see nor change it."""
        return Random(f"{self.seed}/{name}")  # noqa: S311 - nothing here is a secret

    def size(self, table: str) -> int:
        """Return how many rows a table gets."""
        if table in HIGH_VOLUME:
            return self.rows
        divisor, fewest, most = SIZES[table]
        return min(max(self.rows // divisor, fewest), most)

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.day)

    @cached_property
    def people(self) -> People:
        count = self.size("users") - 1
        return People(self.rng("people"), self.timeline, self.mark_id + 1, count)

    def doings(self, rng: Random, table: str) -> Iterator[tuple[int, int, int]]:
        """Yield key, user and moment of each row of a table, in the order of time."""
        moments = self.timeline.moments(rng, self.size(table))
        users = self.people.at(rng, moments)
        yield from zip(range(1, len(moments) + 1), users, moments, strict=True)

    def threads(self, rng: Random, openings: Sequence[int], total: int) -> Iterator[list[int]]:
        """Yield for each opening the moments of what is said after it, `total` in all.

        Most threads are short and a few very long; a few of them get no message at all. Into some
        the product itself writes a notice when they have been silent for months.
        """
        weights = [rng.paretovariate(1.2) for _ in openings]
        for opening, size in zip(openings, apportion(weights, total), strict=True):
            moments, moment = [], opening
            for _ in range(size):
                moment = self.timeline.later(moment, rng.expovariate(1 / 90) + 1)
                moments.append(moment)
            if size > 1 and rng.random() < 0.12:
                moments[-1] = self.timeline.later(moments[-2], rng.uniform(60, 600) * DAY)
            yield moments
