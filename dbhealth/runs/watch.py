"""Somebody who looks on while a statement works for hours: from a thread and session of its own.

He gives the run's signs of life, tells how far the work is and for whom it waits, and ends it
when the run is cancelled. Where the engine has no sessions to look at there is no watch.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import connections

from dbhealth.backends.upkeep import WorkProgress
from dbhealth.conf import get_settings
from dbhealth.exceptions import LostOwnership
from dbhealth.runs.holding import statement_waits
from dbhealth.runs.progress import Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.states import State
from dbhealth.runs.stopping import StopRequest

logger = logging.getLogger("dbhealth.runs")

_FIRST, _LONGEST = 0.1, 1.0
"""Seconds before the first look, and between two of a long build: asking who blocks whom stops the
lock manager of the server for a moment."""

_BEAT_EACH = 2.0
"""Seconds between two signs of life, at the most; a lease may be short."""

_WORTH_A_WORD = 1.0
"""Seconds after which a wait is spoken of."""


class Watch:
    """Watches the thread's session inside a ``with`` block, which runs one step of the plan.

    ``waits_for`` names whom it has waited for last, ``ended`` tells that it was ended from here,
    ``lost`` that somebody else has taken the run.
    """

    def __init__(self, hold: Hold, title: str, progress: Progress, stop: StopRequest) -> None:
        """Take everything; the thread begins with the block."""
        self._hold, self._title, self._pid = hold, title, 0
        self._progress, self._stop = progress, stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="dbhealth-watch")
        self._phase, self._done, self._doing = ("", ""), 0, title
        self._beat_at = time.monotonic()
        self._waits_since: float | None = None
        self._complained = False
        self._spoken: set[str] = set()
        self.waits_for: tuple[str, ...] = ()
        self.ended = self.lost = self.cancelled = False

    def __enter__(self) -> Watch:
        """Begin to look, where there is a session to look at."""
        self._pid = self._hold.backend.ddl.session()
        self._progress.start(self._title, None, "steps")
        if self._pid:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Look no more: nothing ends a statement of this session after the block."""
        self._over.set()
        if self._pid:
            self._thread.join()
        self._progress.finish()

    def _work(self) -> None:
        try:
            pause = _FIRST
            while not self._over.wait(pause):
                pause = min(_LONGEST, pause * 1.5)
                try:
                    self._look()
                except Exception:
                    # The build and its signs of life are what counts; the next look may be luckier.
                    if not self._complained:
                        logger.warning("Could not look at %s.", self._title, exc_info=True)
                    self._complained = True
                    connections[self._hold.backend.alias].close()
        finally:
            connections[self._hold.backend.alias].close()

    def _look(self) -> None:
        self._beat()
        self._see_waits()
        wanted = self.lost or self.cancelled
        # A signal lets what works come to its end, and what waits does not work.
        if wanted or (self._stop.reason and self._waits_since is not None):
            self.ended = self._hold.backend.ddl.end_work(self._pid) or self.ended
        if (found := self._hold.backend.upkeep.progress(self._pid)) is not None:
            self._tell(found)

    def _beat(self) -> None:
        each = min(_BEAT_EACH, get_settings().lease_seconds / 4)
        if self.lost or time.monotonic() - self._beat_at < each:
            return
        try:
            state = self._hold.beat(self._holding_back(), self._doing)
            self.cancelled = state is State.CANCELLING
        except LostOwnership:
            self.lost = True
        self._beat_at = time.monotonic()

    def _holding_back(self) -> str:
        since = self._waits_since
        is_long = since is not None and time.monotonic() - since >= _WORTH_A_WORD
        return statement_waits(self._title, self.waits_for) if is_long else ""

    def _see_waits(self) -> None:
        now = time.monotonic()
        found = self._hold.backend.ddl.waits_for(self._pid)
        if not found:
            self._waits_since = None
            return
        self.waits_for = found
        self._waits_since = self._waits_since or now
        # Of a session that is now at work and now idle in its transaction one word is enough.
        whom = {text.partition(" (")[0] for text in found}
        if not whom <= self._spoken and now - self._waits_since >= _WORTH_A_WORD:
            self._spoken |= whom
            self._progress.note(f"{self._title} waits for {'; '.join(found)}")

    def _tell(self, work: WorkProgress) -> None:
        if (work.phase, work.about) != self._phase:
            self._phase, self._done = (work.phase, work.about), 0
            self._progress.finish()
            self._progress.start(f"{work.phase}: {work.about}", work.total or None, work.unit)
        if work.done > self._done:
            self._progress.advance(work.done - self._done)
            self._done = work.done
        self._doing = _told(work)


def _told(work: WorkProgress) -> str:
    """Return the phase of a statement, and how far it is where the server counts."""
    text = f"{work.phase}: {work.about}"
    if not work.total:
        return text
    share = f"{min(1.0, work.done / work.total):.0%}"
    return f"{text}, {share} ({work.done:,} of {work.total:,} {work.unit})"
