"""How many rows the next batch takes: a duration is aimed at, not a number."""

from __future__ import annotations

# The weight of the newest batch in the smoothed rate (rows per second).
_NEWEST = 0.4

# A batch grows to at most so many times the last one; GitLab's batch optimizer is as careful
# in growing (1.2) and as free in shrinking. Doubling is safe here because a batch that takes
# too long only holds its locks longer, and the next one is smaller at once.
_GROWTH = 2.0

# After a lock or timeout the next batches grow slowly: whoever held the lock may come back.
_CAREFUL_GROWTH = 1.2


# What takes less (seconds) no clock has measured.
_SHORTEST = 1e-9

# Two batches tell what a batch costs by itself when their sizes differ by this part at the least.
_APART = 0.2


class BatchSizer:
    """Aims at ``seconds`` a batch, between ``floor`` and ``ceiling`` rows.

    A batch costs something by itself, however few rows it has: much, where a family is looked for
    in large tables. No size brings it below that, so then as much time again is for the rows.
    """

    def __init__(self, *, seconds: float, floor: int, ceiling: int) -> None:
        """Begin small: how fast the tables are is not known yet."""
        self._seconds = seconds
        self._ceiling = ceiling
        self._floor = min(floor, ceiling)
        self._rate: float | None = None
        self._fixed = 0.0
        self._last: tuple[int, float] | None = None
        self._growth = _GROWTH
        self.size = max(self._floor, min(ceiling, 1_000))

    @property
    def at_floor(self) -> bool:
        """Whether a batch cannot get any smaller."""
        return self.size <= self._floor

    def succeeded(self, rows: int, seconds: float) -> None:
        """Learn from a batch of ``rows`` rows that took ``seconds``."""
        if not rows or seconds < _SHORTEST:
            return
        self._learn_fixed(rows, seconds)
        # Half of a batch at the least is for its rows, as long as little is known.
        rate = rows / max(seconds - self._fixed, seconds / 2)
        # A slow batch counts in full and at once; only good news is smoothed.
        if self._rate is not None and rate > self._rate:
            rate = _NEWEST * rate + (1 - _NEWEST) * self._rate
        self._rate = rate
        # One more at the least: 1.2 times a few rows would be as few rows for ever.
        most = max(self.size + 1, self.size * self._growth)
        wanted = min(rate * max(self._seconds - self._fixed, self._fixed), most)
        # A whole number that floats have missed by a hair is that number.
        self.size = int(max(self._floor, min(self._ceiling, wanted)) + 1e-6)

    def _learn_fixed(self, rows: int, seconds: float) -> None:
        """Learn what a batch costs without its rows, from two batches of different sizes."""
        if self._last is None:
            self._last = (rows, seconds)
        if abs(rows - self._last[0]) < _APART * max(rows, self._last[0]):
            return  # sizes that creep are compared with where they began to
        (few, short), (many, long) = sorted([self._last, (rows, seconds)])
        self._last = (rows, seconds)
        by_row = max(0.0, (long - short) / (many - few))
        # A wrong guess makes the next batch larger or smaller, and so is corrected by it.
        self._fixed = max(0.0, min(short, long) - by_row * few)

    def failed(self) -> None:
        """Halve the batch after a lock or statement timeout."""
        self.size = max(self._floor, self.size // 2)
        self._growth = _CAREFUL_GROWTH
