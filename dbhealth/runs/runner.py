"""The hold that this process has on a run, and the frame in which a verb works."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, QuerySet

from dbhealth.backends import Backend
from dbhealth.exceptions import LostOwnership
from dbhealth.runs.clock import kept
from dbhealth.runs.log import bounded, patiently
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import WORKING, State, leading_to
from dbhealth.signals import run_finished, run_started

logger = logging.getLogger("dbhealth.runs")


class Hold:
    """A claimed run. Everything it writes is fenced by the generation of the claim."""

    def __init__(self, backend: Backend, run: MaintenanceRun) -> None:
        """Keep the run as it was claimed."""
        self.backend = backend
        self.run = run

    def _row(self, states: Any = WORKING) -> QuerySet[MaintenanceRun]:
        return MaintenanceRun.objects.using(self.backend.alias).filter(
            pk=self.run.pk, generation=self.run.generation, state__in=list(states)
        )

    def _lost(self) -> LostOwnership:
        return LostOwnership(
            f"Run {self.run.pk} was taken over or ended by somebody else while this process was "
            "at work; its last batch was rolled back, nothing is lost."
        )

    def beat(self) -> None:
        """Give a sign of life between tries of a batch.

        Raises LostOwnership when somebody has taken the run over.
        """
        with bounded(self.backend):
            changed = self._row().update(heartbeat_at=kept(self.backend.session.now()))
        if not changed:
            raise self._lost()

    def record(self, rows: int, cursor: list[Any], now: datetime) -> State:
        """Add a batch to the counters and move the cursor, in the batch's own transaction.

        ``now`` is the database's clock, aware. It is also the fence: raises LostOwnership when
        somebody has taken the run over, and the batch is rolled back. Returns the run's state,
        in which somebody may have put it to have it stop (pausing, cancelling).
        """
        done = {
            "rows_done": F("rows_done") + rows,
            "batches": F("batches") + 1,
            "cursor": cursor,
            "heartbeat_at": kept(now),
        }
        if self._row({State.RUNNING}).update(**done):
            return State.RUNNING
        if not self._row().update(**done):
            raise self._lost()
        return State(self._row().values_list("state", flat=True).get())

    def end(self, state: State, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """Move the run to an end state. ``error`` is a sentence; a traceback is added.

        Raises LostOwnership when somebody else has the run by now.
        """
        changes = {
            "state": state,
            "finished_at": kept(self.backend.session.now()),
            "error": error,
            "traceback": traceback.format_exc() if error and state is State.FAILED else "",
        }
        if result is not None:
            changes["result"] = result
        if not patiently(self.backend, lambda: self._update(state, changes)):
            raise self._lost()
        for name, value in changes.items():
            setattr(self.run, name, value)

    def _update(self, state: State, changes: dict[str, Any]) -> int:
        with bounded(self.backend):
            return self._row(leading_to(state)).update(**changes)

    def fail(self, error: BaseException) -> None:
        """Keep the error and its traceback; log it when even that is impossible."""
        try:
            _renew(connections[self.backend.alias])
            self.end(State.FAILED, error=f"{type(error).__name__}: {error}")
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
