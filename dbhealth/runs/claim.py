"""Taking a run: begin a new one, or carry on with one whose process has died or stopped.

The guard is the partial unique constraint on active runs, the fence is the generation: every
claim raises it, and whoever writes with an older one finds no row to write to.
"""

from __future__ import annotations

import logging
import os
import traceback
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError

from dbhealth.backends import Backend
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import Refusal, Refused
from dbhealth.runs.clock import aware, kept
from dbhealth.runs.lease import is_dead, this_host
from dbhealth.runs.log import bounded
from dbhealth.runs.models import MaintenanceRun, Operation, Trigger
from dbhealth.runs.states import ACTIVE, State, check_move

logger = logging.getLogger("dbhealth.runs")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done, and who asks.

    ``terms`` are the options that decide which rows are meant: a run can be carried on only
    under the same terms. ``options`` are all the others.
    """

    operation: Operation
    backend: Backend
    target: str
    terms: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    trigger: Trigger = Trigger.API
    started_by: str = ""

    @property
    def recorded_options(self) -> dict[str, Any]:
        """The options as the run keeps them."""
        return {"terms": self.terms, **self.options}


def busy(run: MaintenanceRun) -> Refusal:
    """Return the refusal that another run is active."""
    sign = f"{aware(run.heartbeat_at):%Y-%m-%d %H:%M:%S %Z}" if run.heartbeat_at else "none yet"
    return Refusal(
        code="run-active",
        what=f"Run {run.pk} ({run.operation} of {run.target}) is {run.state}.",
        why="Two runs on one table would take each other's rows and locks.",
        instead=(
            f"Wait until it ends; it belongs to process {run.pid} on {run.host} "
            f"(last sign of life: {sign}). A dead one is carried on with when its lease is over."
        ),
    )


def standing(order: Order) -> MaintenanceRun | None:
    """Return the active or interrupted run that a new call meets; changes nothing.

    Raises Refused while another process is at work, or the run is paused or queued.
    """
    alias = order.backend.alias
    same = MaintenanceRun.objects.using(alias).filter(
        operation=order.operation, database=alias, target=order.target
    )
    with bounded(order.backend, writes=False):
        # An active run first: there is one at the most, and nothing else may begin beside it.
        run = same.filter(state__in=ACTIVE).first() or same.first()
    if run is None or run.state not in ACTIVE | {State.INTERRUPTED}:
        return None
    if run.state in ACTIVE and not is_dead(run, order.backend.session.now()):
        raise Refused([busy(run)])
    return run


def unfinished(order: Order) -> MaintenanceRun | None:
    """Return the run to carry on with, or None when a new one is to begin.

    One whose process has died is interrupted by this. Raises Refused as :func:`standing` does.
    """
    run = standing(order)
    if run is None:
        return None
    if run.state in ACTIVE:
        _change(order.backend, run, State.INTERRUPTED)
    return run if run.options.get("terms") == order.terms else None


def give_up(order: Order) -> None:
    """Cancel an interrupted run of other terms, because a new one is about to begin."""
    run = standing(order)
    if run is not None and run.state == State.INTERRUPTED:
        error = "Given up: a run with other options began."
        _change(order.backend, run, State.CANCELLED, error=error)


def resume(order: Order, run: MaintenanceRun) -> MaintenanceRun:
    """Take over an interrupted run, with its cutoff, cursor and counters."""
    _change(order.backend, run, State.RUNNING, **_mine(order), finished_at=None, error="")
    run.refresh_from_db(using=order.backend.alias)
    return run


def begin(order: Order, **facts: Any) -> MaintenanceRun:
    """Begin a new run; ``facts`` are further fields of it, such as ``cutoff``.

    Raises Refused when another run of the same kind became active meanwhile.
    """
    alias = order.backend.alias
    now = kept(order.backend.session.now())
    run = MaintenanceRun(
        operation=order.operation,
        database=alias,
        target=order.target,
        options=order.recorded_options,
        state=State.RUNNING,
        generation=1,
        created_at=now,
        started_at=now,
        **{**_mine(order), **facts},
    )
    try:
        _insert(order.backend, run)
    except IntegrityError:
        other = MaintenanceRun.objects.using(alias).filter(
            operation=order.operation, database=alias, target=order.target, state__in=ACTIVE
        )
        if found := other.first():
            raise Refused([busy(found)]) from None
        # It has ended between the two statements, and nothing stands in the way any more.
        _insert(order.backend, run)
    return run


def _insert(backend: Backend, run: MaintenanceRun) -> None:
    with bounded(backend):
        run.save(using=backend.alias, force_insert=True)


def _mine(order: Order) -> dict[str, Any]:
    return {
        "host": this_host(),
        "pid": os.getpid(),
        "heartbeat_at": kept(order.backend.session.now()),
        "trigger": order.trigger,
        "started_by": order.started_by,
    }


def _change(backend: Backend, run: MaintenanceRun, state: State, **facts: Any) -> None:
    """Move a run that nobody holds, unless somebody else was faster (Refused)."""
    check_move(run.state, state)
    ended = {} if state is State.RUNNING else {"finished_at": kept(backend.session.now())}
    rows = MaintenanceRun.objects.using(backend.alias).filter(
        pk=run.pk, generation=run.generation, state=run.state
    )
    changes = {**ended, **facts, "state": state, "generation": run.generation + 1}
    try:
        with bounded(backend):
            changed = rows.update(**changes)
    except DatabaseError as error:
        # A process that sleeps in the middle of a batch still holds its run locked.
        if run.state in ACTIVE and backend.errors.trouble(error) is Trouble.LOCK_TIMEOUT:
            raise Refused([busy(run)]) from error
        raise
    if not changed:
        run.refresh_from_db(using=backend.alias)
        raise Refused([busy(run)])
    for name, value in changes.items():
        setattr(run, name, value)


def refuse(order: Order, refused: Refused, **facts: Any) -> MaintenanceRun:
    """Record that a run would not begin, so that a cron job's refusal is seen later as well."""
    reasons = [refusal.as_dict() for refusal in refused.refusals]
    return _record_end(order, error=str(refused), result={"refusals": reasons}, **facts)


def fail_to_begin(order: Order, error: DatabaseError) -> None:
    """Record the error that kept a run from beginning; log it when even that is impossible."""
    told = f"{type(error).__name__}: {error}"
    try:
        _record_end(order, error=told, traceback=traceback.format_exc())
    except (DatabaseError, InterfaceError):
        logger.exception("%s of %s could not begin: %s", order.operation, order.target, told)


def _record_end(order: Order, **facts: Any) -> MaintenanceRun:
    now = kept(order.backend.session.now())
    run = MaintenanceRun(
        operation=order.operation,
        database=order.backend.alias,
        target=order.target,
        options=order.recorded_options,
        state=State.FAILED,
        created_at=now,
        finished_at=now,
        **{**_mine(order), **facts},
    )
    _insert(order.backend, run)
    return run
