"""How a run went, in points small enough to stand in its row: written by each batch, drawn later.

A point is [seconds since the run's start, rows done, batches], both counted from the start. When
there are too many the one is left out whose neighbours are closest together, so that what is left
is about evenly spread over the time, however long the run takes and however often it is resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = list[float]

MOST_POINTS = 120
"""As many as a chart of a page's width shows apart."""

_RECENT_SECONDS = 30.0
"""How far back the rate of a run at work looks: long enough for several batches, and short enough
to tell that somebody has begun to stand in its way."""


def grown(points: Sequence[Point], seconds: float, rows: int, batches: int) -> list[Point]:
    """Return the points with one more, at most MOST_POINTS; the given ones stay as they are.

    A clock that was set back does not lead back in time.
    """
    last = points[-1][0] if points else 0.0
    more = [*points, [round(max(seconds, last), 2), rows, batches]]
    while len(more) > MOST_POINTS:
        _leave_one_out(more)
    return more


def _leave_one_out(points: list[Point]) -> None:
    """Take out the point whose leaving makes the shortest piece; never the last one."""
    times = [0.0, *(point[0] for point in points)]
    spans = [times[place + 2] - times[place] for place in range(len(points) - 1)]
    del points[spans.index(min(spans))]


@dataclass(frozen=True)
class Piece:
    """What happened between two points: from ``began`` to ``ended`` (seconds since the start)."""

    began: float
    ended: float
    rows: int
    batches: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def per_second(self) -> float | None:
        """Rows per second, None where no time was measured."""
        return self.rows / self.seconds if self.seconds > 0 else None


def pieces(points: Sequence[Point]) -> list[Piece]:
    """Return what happened between the points, the first piece from the start on."""
    found, before = [], [0.0, 0, 0]
    for point in points:
        rows, batches = int(point[1] - before[1]), int(point[2] - before[2])
        found.append(Piece(began=before[0], ended=point[0], rows=rows, batches=batches))
        before = point
    return found


def recent_rate(points: Sequence[Point], seconds: float) -> float | None:
    """Return the rows per second of about the last half minute before ``seconds`` since the start.

    A wait that goes on lowers it; a pause that is over does not count. None where nothing has been
    done yet.
    """
    known = pieces(points)
    if not known:
        return None
    took, rows = max(0.0, seconds - known[-1].ended), 0
    for piece in reversed(known):
        if not piece.batches:
            break
        took += piece.seconds
        rows += piece.rows
        if seconds - piece.began >= _RECENT_SECONDS:
            break
    return rows / took if took > 0 else None
