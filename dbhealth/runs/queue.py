"""The queue: runs that somebody has asked for and that another process is to execute.

A queued run keeps its place like any active one. Whoever executes takes it by its number, as a
paused one is resumed; it stays on record for whom. What keeps it from being taken ends it: a run
that had not begun has failed then, one that had begun before stands where it stood.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError

from dbhealth.backends import Backend, get_backend
from dbhealth.clock import kept
from dbhealth.exceptions import DBHealthError, IllegalMove, Refused
from dbhealth.runs.claim import Order, added, give_up, options_of, taken, unfinished
from dbhealth.runs.control import changed, get_run, is_left
from dbhealth.runs.failures import told
from dbhealth.runs.log import bounded, patiently
from dbhealth.runs.models import MaintenanceRun, Operation, Trigger
from dbhealth.runs.moves import move
from dbhealth.runs.states import State
from dbhealth.saying import say as _

logger = logging.getLogger("dbhealth.runs")


def enqueue(order: Order) -> MaintenanceRun:
    """Put what is ordered into the queue and return the run, in the state "queued".

    As a verb that is called does, it carries on with an interrupted run of the same terms, and
    gives up one of others. Raises Refused when a run of the same kind is active.
    """

    def once() -> MaintenanceRun:
        waiting = unfinished(order)
        if waiting is not None:
            again = _asked_again(order.backend, order.trigger, order.started_by)
            options = options_of(order, waiting)
            return taken(order.backend, waiting, State.QUEUED, options=options, **again)
        give_up(order)
        return added(order, state=State.QUEUED, trigger=order.trigger, started_by=order.started_by)

    return patiently(order.backend, once)


def queue_again(alias: str, pk: int, *, trigger: Trigger, started_by: str) -> MaintenanceRun:
    """Queue a paused, interrupted or dead run, to be carried on with; return it.

    A queued one stays as it is. Raises UsageError for an unknown run, IllegalMove for one that is
    at work or has ended, Refused when another run of its kind has become active.
    """

    def once(backend: Backend, run: MaintenanceRun) -> MaintenanceRun | None:
        if run.state == State.QUEUED:
            return run
        with bounded(backend):
            left = move(backend, run, State.INTERRUPTED) if is_left(run) else run
            if left is None:
                return None
            return taken(backend, left, State.QUEUED, **_asked_again(backend, trigger, started_by))

    return changed(alias, pk, once)


def _asked_again(backend: Backend, trigger: Trigger, started_by: str) -> dict[str, Any]:
    now = kept(backend.session.now())
    return {
        "trigger": trigger,
        "started_by": started_by,
        "heartbeat_at": now,
        "finished_at": None,
    }


def retry(alias: str, pk: int, *, trigger: Trigger, started_by: str) -> MaintenanceRun:
    """Queue what a run was to do once more; return the queued run.

    Of a run that has failed or was cancelled that is a new one with its terms and options; any
    other one that has not succeeded is carried on with itself. Raises UsageError for an unknown
    run, IllegalMove for one that is at work or has succeeded, Refused when another one is active.
    """
    run = get_run(alias, pk)
    if run.state == State.SUCCEEDED:
        raise IllegalMove(
            _("Run {pk} stays as it is. It has succeeded: there is nothing to retry.", pk=pk)
        )
    if run.state not in (State.FAILED, State.CANCELLED):
        return queue_again(alias, pk, trigger=trigger, started_by=started_by)
    options = dict(run.options)
    order = Order(
        operation=Operation(run.operation),
        backend=get_backend(alias),
        target=run.target,
        terms=options.pop("terms", {}),
        options=options,
        trigger=trigger,
        started_by=started_by,
    )
    return enqueue(order)


@contextmanager
def taking(alias: str, pk: int | None) -> Iterator[None]:
    """Frame what is done until a run is taken: an error inside ends the run ``pk`` if it is queued.

    None names no run. The error goes on to the caller.
    """
    try:
        yield
    except BaseException as error:
        if pk is not None:
            _not_taken(alias, pk, error)
        raise


def _not_taken(alias: str, pk: int, error: BaseException) -> None:
    refusals = error.refusals if isinstance(error, Refused) else ()
    facts: dict[str, Any] = {}
    if refusals:
        facts["result"] = {"refusals": [refusal.as_dict() for refusal in refusals]}
    if isinstance(error, DBHealthError):
        text = str(error)
    elif isinstance(error, Exception):
        text, facts["traceback"] = told(error, alias, begun=False), traceback.format_exc()
    else:  # Ctrl-C, or a worker that ends
        text = "It was stopped before it had begun."
    end_queued(alias, pk, text, **facts)


def end_queued(
    alias: str, pk: int, error: str, *, generation: int | None = None, **facts: Any
) -> None:
    """End a run that nobody has taken; ``error`` is the sentence that says why.

    One that somebody has taken meanwhile stays as it is, as does one that is queued again since it
    had that ``generation``. Where it cannot be recorded it is logged.
    """
    changes = {"error": error, **facts}
    try:
        patiently(get_backend(alias), lambda: _ended(alias, pk, generation, changes))
    except (DatabaseError, InterfaceError):
        logger.exception("Run %s could not begin, and that could not be recorded: %s", pk, error)


def _ended(alias: str, pk: int, generation: int | None, facts: dict[str, Any]) -> None:
    backend = get_backend(alias)
    with bounded(backend, writes=False):
        run = MaintenanceRun.objects.using(alias).filter(pk=pk, database=alias).first()
    if run is None or run.state != State.QUEUED or generation not in (None, run.generation):
        return
    if run.started_at is None:
        move(backend, run, State.FAILED, **facts)
    else:
        # What it was told of an earlier process tells more than what this one was told.
        kept_facts = {name: value for name, value in facts.items() if name == "error"}
        move(backend, run, State.INTERRUPTED, **kept_facts)
