"""Taking a run: begin a new one, or carry on with one whose process has died or stopped.

The guard is the partial unique constraint on active runs, the fence is the generation: every
claim raises it, and whoever writes with an older one finds no row to write to.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError

from dbhealth.backends import Backend
from dbhealth.backends.trouble import Trouble
from dbhealth.clock import kept
from dbhealth.exceptions import Refused, UsageError
from dbhealth.runs.busy import busy
from dbhealth.runs.failures import told
from dbhealth.runs.lease import is_dead, is_gone, this_host
from dbhealth.runs.log import bounded
from dbhealth.runs.models import MaintenanceRun, Operation, Trigger
from dbhealth.runs.moves import bury, move
from dbhealth.runs.states import ACTIVE, WORKING, State, check_move
from dbhealth.saying import say as _

logger = logging.getLogger("dbhealth.runs")

TOTALS = ("purged", "order")
"""What of a run's result tells whoever carries on where to go on."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done, and who asks.

    ``terms`` are the options that decide which rows are meant: a run is carried on with only
    under the same terms, unless somebody has named it. ``options`` are all the others.
    ``resumes`` is the id of that named run, which then may be paused as well; no other run is
    begun or carried on with.
    """

    operation: Operation
    backend: Backend
    target: str
    terms: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    trigger: Trigger = Trigger.API
    started_by: str = ""
    resumes: int | None = None

    @property
    def recorded_options(self) -> dict[str, Any]:
        """The options as the run keeps them."""
        return {"terms": self.terms, **self.options}


def standing(order: Order) -> MaintenanceRun | None:
    """Return the active or interrupted run that a new call meets; changes nothing.

    Raises Refused while another process is at work, or a run is paused or queued that the order
    does not name; IllegalMove when the run that it names has ended.
    """
    alias = order.backend.alias
    same = MaintenanceRun.objects.using(alias).filter(
        operation=order.operation, database=alias, target=order.target
    )
    with bounded(order.backend, writes=False):
        # An active run first: there is one at the most, and nothing else may begin beside it.
        run = same.filter(state__in=ACTIVE).first()
        if run is None:
            run = (same if order.resumes is None else same.filter(pk=order.resumes)).first()
    if order.resumes is not None:
        return _named(order, run)
    if run is None or run.state not in ACTIVE | {State.INTERRUPTED}:
        return None
    return _left_alone(order, run)


def _named(order: Order, run: MaintenanceRun | None) -> MaintenanceRun:
    """Return the run that the order names, if ``run`` is that one and can be carried on with."""
    if run is None:
        raise UsageError(f"There is no run {order.resumes} of {order.target}.")
    if run.pk != order.resumes:
        raise Refused([busy(run)])
    if run.state in WORKING:
        return _left_alone(order, run)
    check_move(run.state, State.RUNNING)
    return run


def _left_alone(order: Order, run: MaintenanceRun) -> MaintenanceRun:
    if run.state in ACTIVE and not is_dead(run, order.backend.session.now()):
        raise Refused([busy(run)])
    return run


def carries_on(order: Order, run: MaintenanceRun) -> bool:
    """Return whether the order carries on with a run that :func:`standing` has found."""
    if order.resumes == run.pk:
        return True
    # Somebody wanted to have that one over, and its process died before it could obey.
    return run.state != State.CANCELLING and run.options.get("terms") == order.terms


@contextmanager
def claiming(backend: Backend) -> Iterator[None]:
    """Open the transaction of a claim. Until it ends no other one of this database is open.

    So whoever comes second sees the run of the first, whichever verbs the two are, and steps back.
    """
    with bounded(backend):
        backend.session.take_turn()
        yield


def unfinished(order: Order) -> MaintenanceRun | None:
    """Return the run to carry on with, or None when a new one is to begin.

    One whose process has died is interrupted by this. Raises what :func:`standing` does.
    """
    backend, run = order.backend, standing(order)
    if run is None:
        return None
    goes_on = carries_on(order, run)
    if run.state == State.CANCELLING and not goes_on:
        bury(backend, run, error=_("Cancelled; its process had died before it could obey."))
    elif run.state in WORKING:
        run = taken(backend, run, State.INTERRUPTED)
    return run if goes_on else None


def give_up(order: Order) -> None:
    """Cancel an interrupted run of other terms, because a new one is about to begin."""
    run = standing(order)
    if run is not None and run.state == State.INTERRUPTED:
        error = _("Given up: a run with other options began.")
        taken(order.backend, run, State.CANCELLED, error=error)


def resume(order: Order, run: MaintenanceRun, **facts: Any) -> MaintenanceRun:
    """Take over an interrupted, paused or queued run, with its cutoff, cursor and counters.

    ``facts`` are those of :func:`begin`, for a queued one that nobody has begun before. Returns
    the run as it is now; ``run`` stays as it was, so that this is safe to repeat.
    """
    mine = _mine(order)
    if run.state == State.QUEUED:
        # Whoever asked for it is not the process that takes it.
        mine = {name: mine[name] for name in ("host", "pid", "heartbeat_at")}
    # Totals that batches have kept up are a part of what is committed; the rest told of an end.
    totals = {name: run.result[name] for name in TOTALS if name in run.result}
    known = {"options": options_of(order, run), "result": totals, "error": "", "finished_at": None}
    known |= {"holding_back": "", "doing": ""}  # of a process that died while it waited
    if is_new(run):
        known |= {"started_at": mine["heartbeat_at"], **facts}
    return taken(order.backend, run, State.RUNNING, **mine, **known)


def is_new(run: MaintenanceRun | None) -> bool:
    """Return whether nobody has worked on a run yet; None stands for one that is to begin."""
    return run is None or (run.state == State.QUEUED and run.started_at is None)


def options_of(order: Order, run: MaintenanceRun) -> dict[str, Any]:
    """Return the options of a run that is carried on with; a bound of rows is the whole run's.

    One that is named keeps what its verb does not know of, such as what is to follow on it.
    """
    own = run.options if order.resumes == run.pk else {}
    options = {**own, **order.recorded_options}
    bound = order.options.get("max_rows")
    return options if bound is None else {**options, "max_rows": bound + run.rows_done}


def begin(order: Order, **facts: Any) -> MaintenanceRun:
    """Begin a new run; ``facts`` are further fields of it, such as ``cutoff``.

    Raises Refused when another run of the same kind became active meanwhile.
    """
    mine = _mine(order)
    times = {"created_at": mine["heartbeat_at"], "started_at": mine["heartbeat_at"]}
    began = {"state": State.RUNNING, "generation": 1, **times}
    return added(order, **{**began, **mine, **facts})


def added(order: Order, **fields: Any) -> MaintenanceRun:
    """Insert an active run and return it. Raises Refused when there is another one of its kind."""
    run = _new(order, **fields)
    try:
        _insert(order.backend, run)
    except IntegrityError:
        if found := _active(run):
            raise Refused([busy(found)]) from None
        # It has ended between the two statements, and nothing stands in the way any more.
        _insert(order.backend, run)
    return run


def _new(order: Order, **fields: Any) -> MaintenanceRun:
    return MaintenanceRun(
        operation=order.operation,
        database=order.backend.alias,
        target=order.target,
        options=order.recorded_options,
        **{"created_at": kept(order.backend.session.now()), **fields},
    )


def _active(run: MaintenanceRun) -> MaintenanceRun | None:
    """Return the run that the constraint protects from this one."""
    same = {"operation": run.operation, "database": run.database, "target": run.target}
    return MaintenanceRun.objects.using(run.database).filter(**same, state__in=ACTIVE).first()


def _insert(backend: Backend, run: MaintenanceRun) -> None:
    with bounded(backend):
        run.save(using=backend.alias, force_insert=True)


def _mine(order: Order) -> dict[str, Any]:
    return {
        "host": this_host(),
        "pid": os.getpid(),
        "heartbeat_at": kept(order.backend.session.now()),
        "unwatched": False,
        "trigger": order.trigger,
        "started_by": order.started_by,
    }


def taken(backend: Backend, run: MaintenanceRun, state: State, **facts: Any) -> MaintenanceRun:
    """Move a run that nobody holds; raises Refused when somebody else was or is faster."""
    try:
        moved = move(backend, run, state, **facts)
    except IntegrityError:
        # Another run of the same kind has begun meanwhile.
        raise Refused([busy(_active(run) or run)]) from None
    except DatabaseError as error:
        # A process that sleeps in the middle of a batch still holds its run locked; where it is
        # gone the lock is somebody else's, and the error says so.
        is_held = backend.errors.trouble(error) is Trouble.LOCK_TIMEOUT and not is_gone(run)
        if run.state in WORKING and is_held:
            raise Refused([busy(run)]) from error
        raise
    if moved is None:
        raise Refused([busy(MaintenanceRun.objects.using(backend.alias).get(pk=run.pk))])
    return moved


def refuse(order: Order, refused: Refused, **facts: Any) -> MaintenanceRun:
    """Record that a run would not begin, so that a cron job's refusal is seen later as well."""
    reasons = [refusal.as_dict() for refusal in refused.refusals]
    return _record_end(order, error=str(refused), result={"refusals": reasons}, **facts)


def fail_to_begin(order: Order, error: DatabaseError) -> None:
    """Record the error that kept a run from beginning; log it when even that is impossible."""
    text = told(error, order.backend.alias, begun=False)
    try:
        _record_end(order, error=text, traceback=traceback.format_exc())
    except (DatabaseError, InterfaceError):
        logger.exception("%s of %s could not begin: %s", order.operation, order.target, text)


def _record_end(order: Order, **facts: Any) -> MaintenanceRun:
    now = kept(order.backend.session.now())
    ended = {"state": State.FAILED, "created_at": now, "finished_at": now}
    run = _new(order, **{**_mine(order), **ended, **facts})
    _insert(order.backend, run)
    return run
