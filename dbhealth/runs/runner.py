"""The hold that this process has on a run, and the frame in which a verb works."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from dbhealth.backends import Backend
from dbhealth.clock import aware, kept
from dbhealth.exceptions import LostOwnership
from dbhealth.runs.failures import told
from dbhealth.runs.log import bounded, patiently
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.pace import Point, grown
from dbhealth.runs.states import ENDED, WORKING, State, leading_to
from dbhealth.saying import say as _
from dbhealth.signals import run_finished, run_started

logger = logging.getLogger("dbhealth.runs")

_WISHES = {
    (State.CANCELLING, State.PAUSED): State.CANCELLED,
    (State.CANCELLING, State.INTERRUPTED): State.CANCELLED,
    (State.PAUSING, State.INTERRUPTED): State.PAUSED,
}
"""What becomes of a run whose process is about to end it, while somebody has asked for another
end: a signal must not turn a run that was cancelled into one that is carried on with."""


class Hold:
    """A claimed run. Everything it writes is fenced by the generation of the claim."""

    def __init__(self, backend: Backend, run: MaintenanceRun) -> None:
        """Keep the run as it was claimed."""
        self.backend = backend
        self.run = run
        self._reached = (run.rows_done, run.batches)
        # Made once: with every batch the ORM would make the same conditions again.
        self._running, self._working = self._row({State.RUNNING}), self._row(WORKING)
        self._pace: list[Point] = self._carried_on() if run.pace else []
        self._next: tuple[list[Point], tuple[int, int]] = (self._pace, self._reached)

    def _row(self, states: Iterable[State]) -> QuerySet[MaintenanceRun]:
        return MaintenanceRun.objects.using(self.backend.alias).filter(
            pk=self.run.pk, generation=self.run.generation, state__in=list(states)
        )

    def _lost(self) -> LostOwnership:
        return LostOwnership(
            _(
                "Run {pk} was taken over or ended by somebody else while this process was at "
                "work; its last batch was rolled back, nothing is lost.",
                pk=self.run.pk,
            )
        )

    def beat(self, holding_back: str = "", doing: str = "", *, unwatched: bool = False) -> State:
        """Give a sign of life between tries of a batch; return the run's state, as record does.

        ``holding_back`` is the sentence why the run waits just now, ``doing`` how far a long
        statement is. ``unwatched``: during what comes next nobody can give a sign, so that the
        process itself is the sign. Raises LostOwnership when somebody has taken the run over.
        """
        with bounded(self.backend):
            return self._write(
                heartbeat_at=kept(self.backend.session.now()),
                holding_back=holding_back,
                doing=doing,
                unwatched=unwatched,
            )

    def record(self, rows: int, cursor: list[Any], now: datetime, **facts: Any) -> State:
        """Add a batch to the counters and move the cursor, in the batch's own transaction.

        ``now`` is the database's clock, aware; ``facts`` are further fields that the batch
        changes, such as totals in ``result``. It is also the fence: raises LostOwnership when
        somebody has taken the run over, and the batch is rolled back. Returns the run's state,
        in which somebody may have put it to have it stop (pausing, cancelling). Call
        :meth:`committed` once the transaction is: a batch of which nobody says so counts as
        rolled back, and the next one is written in its place.
        """
        self._next = self._grown(rows, now)
        pace, (rows_done, batches) = self._next
        return self._write(
            pace=pace,
            holding_back="",
            doing="",
            rows_done=rows_done,
            batches=batches,
            cursor=cursor,
            heartbeat_at=kept(now),
            **facts,
        )

    def committed(self) -> None:
        """Take note that what :meth:`record` has written last is committed: the pace goes on from
        there. What was rolled back is written over by the next one."""
        self._pace, self._reached = self._next

    def _carried_on(self) -> list[Point]:
        """Return the pace up to the moment of the claim: nothing was done since its last point."""
        claimed = self.run.heartbeat_at
        seconds = 0.0 if claimed is None else self._seconds(aware(claimed))
        return grown(self.run.pace, seconds, *self._reached)

    def _grown(self, rows: int, now: datetime) -> tuple[list[Point], tuple[int, int]]:
        """Return the pace with one more batch, and the rows and batches reached by it."""
        reached = self._reached[0] + rows, self._reached[1] + 1
        return grown(self._pace, self._seconds(now), *reached), reached

    def _seconds(self, moment: datetime) -> float:
        began = self.run.started_at
        return 0.0 if began is None else (moment - aware(began)).total_seconds()

    def _write(self, **changes: Any) -> State:
        if self._running.update(**changes):
            return State.RUNNING
        if not self._working.update(**changes):
            raise self._lost()
        return State(self._working.values_list("state", flat=True).get())

    def end(self, state: State, *, result: dict[str, Any] | None = None, error: str = "") -> State:
        """Let go of the run; return the state it is in then. ``error`` is a sentence.

        That is ``state``, unless somebody asked for another end at the last moment (see
        ``_WISHES``). A failure keeps its traceback. Raises LostOwnership when somebody else has
        the run by now.
        """
        changes: dict[str, Any] = {
            "holding_back": "",
            "doing": "",
            "unwatched": False,
            "error": error,
            "traceback": traceback.format_exc() if error and state is State.FAILED else "",
        }
        if result is not None:
            changes["result"] = result
        changes |= patiently(self.backend, lambda: self._let_go(state, changes))
        for name, value in changes.items():
            setattr(self.run, name, value)
        return State(changes["state"])

    def _let_go(self, state: State, changes: dict[str, Any]) -> dict[str, Any]:
        """Write the end; return the fields that depend on the state it came to."""
        now = kept(self.backend.session.now())
        with bounded(self.backend):
            asked = self._write(heartbeat_at=now)  # from here on nobody can ask for another end
            state = _WISHES.get((asked, state), state)
            # A pause is no end: the run still stands in the way of another one.
            end = {"state": state, "finished_at": now if state in ENDED else None}
            if not self._row(leading_to(state)).update(**changes, **end):
                raise self._lost()
        return end

    def fail(self, error: BaseException) -> None:
        """Keep the error and its traceback; log it when even that is impossible."""
        try:
            _renew(connections[self.backend.alias])
            self.end(State.FAILED, error=told(error, self.backend.alias, begun=True))
        except (DatabaseError, InterfaceError, LostOwnership):
            logger.exception(
                "Run %s failed and its end could not be recorded; it counts as dead when its "
                "lease is over and can be carried on with then.",
                self.run.pk,
            )


def _renew(connection: BaseDatabaseWrapper) -> None:
    """Drop a connection that is broken; the next statement opens a fresh one."""
    if not connection.in_atomic_block and not connection.is_usable():
        connection.close()


@contextmanager
def held(hold: Hold) -> Iterator[Hold]:
    """Frame the work on a claimed run: whatever happens inside, the run tells of it.

    The block ends the run itself when all is well. An error ends it as failed, Ctrl-C as
    interrupted, and both go on to the caller.
    """
    run_started.send_robust(MaintenanceRun, run=hold.run)
    try:
        yield hold
    except LostOwnership:
        raise
    except KeyboardInterrupt:
        hold.end(State.INTERRUPTED, error="Stopped at once; the batch at work was rolled back.")
        raise
    except BaseException as error:
        hold.fail(error)
        raise
    finally:
        run_finished.send_robust(MaintenanceRun, run=hold.run)
