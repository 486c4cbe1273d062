"""When things happen: two years up to a reference day, with growth, weekdays, days and nights.

A moment is an int, the seconds since Timeline.origin. Comparing and adding ints is all that most
rows need, and a million of them turn into text in a second, which no datetime does.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from random import Random

DAY = 86_400
HOUR = 3_600

# How busy each weekday (from Monday) and each hour (UTC) is, as a share of the busiest.
WEEKDAYS = (0.95, 1.0, 0.98, 0.96, 0.82, 0.52, 0.6)
HOURS = (0.14, 0.08, 0.05, 0.04, 0.05, 0.12, 0.3, 0.52, 0.74, 0.88, 0.92, 0.86)
HOURS += (0.78, 0.82, 0.86, 0.84, 0.8, 0.78, 0.82, 0.94, 1.0, 0.88, 0.6, 0.32)


def apportion(weights: Sequence[float], total: int) -> list[int]:
    """Split `total` in whole parts that follow `weights` and add up to exactly `total`."""
    bounds = [0, *accumulate(weights)]
    scale = total / bounds[-1]
    edges = [int(bound * scale) for bound in bounds[:-1]] + [total]
    return [edges[i + 1] - edges[i] for i in range(len(weights))]


class Timeline:
    """The two years that end when `day` begins, and the year before them."""

    BEFORE = 365
    WINDOW = 730
    AFTER = 800

    def __init__(self, day: date) -> None:
        self.day = day
        self.origin = day - timedelta(days=self.BEFORE + self.WINDOW)
        self.start = self.BEFORE * DAY
        self.end = self.start + self.WINDOW * DAY
        days = self.BEFORE + self.WINDOW + self.AFTER
        self._dates = [(self.origin + timedelta(days=n)).isoformat() for n in range(days)]
        rng = Random("timeline")  # noqa: S311 - nothing here is a secret
        # A fraction that goes with each second of the day is as good as one for each row.
        self._clock = [
            f" {h:02}:{m:02}:{s:02}.{rng.randrange(1, 1_000_000):06}"
            for h in range(24)
            for m in range(60)
            for s in range(60)
        ]
        hours = rng.choices(range(24), HOURS, k=50_000)
        self._rhythm = [hour * HOUR + rng.randrange(HOUR) for hour in hours]
        self._activity = [self._busy(rng, number) for number in range(self.WINDOW)]

    def _busy(self, rng: Random, number: int) -> float:
        """How busy day `number` of the window is: four times as much at the end as at the start."""
        weekday = (self.origin + timedelta(days=self.BEFORE + number)).weekday()
        growth = 1 + 3 * number / self.WINDOW
        return growth * WEEKDAYS[weekday] * rng.uniform(0.85, 1.15)

    def days(self, rng: Random, count: int) -> Iterator[list[int]]:
        """Yield `count` moments in the order of time, the moments of one day at once."""
        for number, share in enumerate(apportion(self._activity, count)):
            if share:
                midnight = self.start + number * DAY
                yield sorted([midnight + s for s in rng.choices(self._rhythm, k=share)])

    def moments(self, rng: Random, count: int) -> list[int]:
        """Return `count` moments of the window in the order of time."""
        return [moment for day in self.days(rng, count) for moment in day]

    def later(self, moment: int, delay: float) -> int:
        """Return the moment `delay` seconds after `moment`, at latest the last one there is."""
        return min(moment + int(delay), self.end - 1)

    def date(self, moment: int) -> str:
        """Return the date of a moment the way a database reads it."""
        return self._dates[moment // DAY]

    def text(self, moment: int) -> str:
        """Return a moment (in UTC) the way both databases read it."""
        return self._dates[moment // DAY] + self._clock[moment % DAY]

    def texts(self, moments: Iterable[int]) -> list[str]:
        """Return many moments as text."""
        dates, clock = self._dates, self._clock
        return [dates[m // DAY] + clock[m % DAY] for m in moments]

    def following(self, moments: Iterable[int], delays: Iterable[int | None]) -> list[str | None]:
        """Return as text what comes `delay` after each moment: None where it has not happened."""
        dates, clock, end = self._dates, self._clock, self.end
        return [
            None if d is None or m + d >= end else dates[(m + d) // DAY] + clock[(m + d) % DAY]
            for m, d in zip(moments, delays, strict=True)
        ]
