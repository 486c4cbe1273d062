"""The loop of batches that every verb on rows runs: size, retries, reasons to stop."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass

from django.db import DatabaseError, connections

from dbhealth.archive.sizing import BatchSizer
from dbhealth.backends import Backend
from dbhealth.backends.selection import Way
from dbhealth.backends.trouble import Trouble
from dbhealth.conf import get_settings
from dbhealth.runs.holding import batch_waits
from dbhealth.runs.log import pause
from dbhealth.runs.progress import Pace, Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.states import ASKED_FOR, State
from dbhealth.runs.stopping import StopRequest
from dbhealth.saying import say as _

_CONTENDED_BATCHES = 10
"""So many batches look again at every row after one whose rows somebody was changing."""


@dataclass(kw_only=True)
class Bounds:
    """When to stop before the end: after ``rows`` rows, or at ``deadline`` (time.monotonic)."""

    rows: int | None = None
    deadline: float | None = None

    def left(self, done: int) -> int | None:
        """Return how many rows may still go, None without a bound."""
        return None if self.rows is None else max(0, self.rows - done)


class Batches(ABC):
    """Works through one claimed run, batch after batch, each one transaction.

    A verb says in :meth:`step` what one batch is. Everything about time is here: how large the
    next batch is, what happens when it meets a lock, when the run has to end.
    """

    erases = False
    """Whether the verb deletes rows for good, and not from one place to another."""

    def __init__(
        self,
        hold: Hold,
        *,
        ceiling: int,
        bounds: Bounds,
        progress: Progress,
        stop: StopRequest,
    ) -> None:
        """Take everything; nothing is written yet. ``ceiling`` bounds a batch (rows)."""
        self.hold = hold
        self.backend: Backend = hold.backend
        self.bounds, self.progress, self.stop = bounds, progress, stop
        self.pace = Pace()
        self.state = State.RUNNING
        self.notes: list[str] = []
        self._contended = 0
        self._is_moving = False
        self._tries = 0
        settings = get_settings()
        self.retries = settings.batch_retries
        self.sizer = BatchSizer(
            seconds=settings.archive_batch_seconds,
            floor=settings.archive_batch_floor,
            ceiling=ceiling,
        )

    @abstractmethod
    def step(self, size: int, way: Way) -> int | None:
        """Do one batch of about ``size`` rows in a transaction of its own.

        Returns the rows that it has moved, None where there is nothing left. Must set
        ``_is_moving`` while it is past the locks on tables, and ``state`` to what Hold.record
        returns.
        """

    @abstractmethod
    def explain(self, error: DatabaseError) -> None:
        """Raise the error of ours that a violated constraint stands for."""

    def work(self) -> tuple[State, str]:
        """Work until the end or a reason to stop; return the state to end in and the reason.

        The reason is empty when everything has been gone through.
        """
        with self.backend.session.tuned(erases=self.erases):
            while (ending := self._reason_to_stop()) is None:
                if not self._batch():
                    return State.SUCCEEDED, ""
        return ending

    def between(self, rows: int, seconds: float) -> None:
        """Tell of a batch that is committed; no transaction is open, so here one may hold back."""
        self.pace.add(rows)
        self.progress.advance(rows)
        if not connections[self.backend.alias].in_atomic_block:
            self.backend.session.give_way(seconds)

    def _reason_to_stop(self) -> tuple[State, str] | None:
        if self.stop.reason:
            return State.INTERRUPTED, _("stopped by {signal}", signal=self.stop.reason)
        if self.state in ASKED_FOR:
            return ASKED_FOR[self.state]
        if self.bounds.left(self.pace.rows) == 0:
            return State.SUCCEEDED, _("max-rows reached")
        if self.bounds.deadline is not None and time.monotonic() >= self.bounds.deadline:
            return State.SUCCEEDED, _("max-runtime reached")
        return None

    def _batch(self) -> bool:
        """Do one batch; return whether there was one. Waits and tries again on locks."""
        tries, way, waits = 0, self.first_way(), ""
        while True:
            try:
                if tries:
                    self.state = self.hold.beat(holding_back=waits)
                    if self.state in ASKED_FOR:
                        return True
                return self._timed(way)
            except DatabaseError as error:
                trouble = self.backend.errors.trouble(error)
                tries += 1
                next_way = self.next_way(trouble, way, tries)
                if next_way is None:
                    if trouble is Trouble.INTEGRITY:
                        self.explain(error)
                    raise
                if self.stop.reason:
                    return True  # rolled back; the next look at the reasons to stop ends the run
                way = next_way
                waits = batch_waits(trouble, tries, self.retries, self.sizer.size)
            # Outside of any transaction: nobody waits for us while we wait.
            pause(tries)

    def _timed(self, way: Way) -> bool:
        size = self.sizer.size
        if (left := self.bounds.left(self.pace.rows)) is not None:
            size = min(size, left)
        began = time.monotonic()
        self._is_moving = False
        rows = self.step(size, way)
        if rows is None:
            return False
        seconds = time.monotonic() - began
        self.sizer.succeeded(rows, seconds)
        self.between(rows, seconds)
        return True

    def first_way(self) -> Way:
        """Return how a batch is tried first."""
        if self._contended > 0 or connections[self.backend.alias].in_atomic_block:
            self._contended -= 1
            return Way.RECHECK
        return Way.SNAPSHOT

    def next_way(self, trouble: Trouble, way: Way, tries: int) -> Way | None:
        """Return how to try the batch again after trouble, None to give up."""
        if not trouble.passes:
            return None
        if trouble is Trouble.SERIALIZATION and way is Way.SNAPSHOT:
            return self.contended()
        if tries > self.retries:
            return None
        at_floor = self.sizer.at_floor
        self.sizer.failed()
        self.progress.note(
            _(
                "{trouble}: trying again with {size:,} rows",
                trouble=trouble.told,
                size=self.sizer.size,
            )
        )
        if trouble is not Trouble.LOCK_TIMEOUT or not self.backend.features.can_skip_locked:
            return way
        # Stepping over rows helps where rows are locked, and not where the table is.
        is_at_rows = at_floor and self._is_moving and way is not Way.SKIP_LOCKED
        return Way.SKIP_LOCKED if is_at_rows else Way.RECHECK

    def contended(self) -> Way:
        """Remember that somebody is changing these very rows; return the way that copes."""
        self._contended = _CONTENDED_BATCHES
        return Way.RECHECK
