"""What people do with runs: look at them, pause them, cancel them.

Whoever asks does not touch the work itself. A run that has a process is asked to stop, and the
process obeys after the batch at work; one that has none changes at once. How a run is carried on
with depends on its verb: see ``dbhealth.recipes.resume_run``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from django.db import DatabaseError, connections

from dbhealth.backends import Backend, get_backend, is_supported
from dbhealth.backends.trouble import Trouble
from dbhealth.clock import aware
from dbhealth.exceptions import IllegalMove, Refusal, Refused, UsageError
from dbhealth.runs.busy import command
from dbhealth.runs.lease import is_dead
from dbhealth.runs.log import bounded, patiently
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.moves import bury, move
from dbhealth.runs.standing import standing_of
from dbhealth.runs.states import MOVES, WORKING, State
from dbhealth.saying import say as _


def logs() -> list[str]:
    """Return the aliases of the databases that have a run log."""
    return [alias for alias in connections if is_supported(alias) and _has_log(get_backend(alias))]


def _has_log(backend: Backend) -> bool:
    return backend.catalog.relation(MaintenanceRun._meta.db_table) is not None


def ensure_log(alias: str) -> Backend:
    """Return the backend of a database. Raises UsageError where that has no run log."""
    backend = get_backend(alias)
    if not _has_log(backend):
        raise UsageError(
            f"The database {alias!r} has no run log: manage.py migrate dbhealth --database {alias}."
        )
    return backend


def list_runs(
    alias: str,
    *,
    state: Sequence[str] = (),
    operation: str | None = None,
    target: str | None = None,
    limit: int = 20,
) -> list[MaintenanceRun]:
    """Return the latest runs of a database, the newest first; of several states, any of them.

    Raises UsageError for an alias that DATABASES lacks or whose database has no run log.
    """
    backend = ensure_log(alias)
    wanted = {"operation": operation, "target": target, "state__in": state}
    runs = MaintenanceRun.objects.using(alias).filter(
        # A replica has the runs of its primary as well.
        database=alias,
        **{name: value for name, value in wanted.items() if value},
    )
    with bounded(backend, writes=False):
        return list(runs[:limit])


def get_run(alias: str, pk: int) -> MaintenanceRun:
    """Return one run. Raises UsageError where there is none."""
    backend = ensure_log(alias)
    with bounded(backend, writes=False):
        run = MaintenanceRun.objects.using(alias).filter(pk=pk, database=alias).first()
    if run is None:
        raise UsageError(f"There is no run {pk} in the database {alias!r}.")
    return run


def where_is(pk: int, alias: str | None = None) -> str:
    """Return the alias of the database that has a run; of several, ``alias`` says which.

    Raises UsageError where there is none, or where nobody has said which.
    """
    if alias is not None:
        return get_run(alias, pk).database
    known = logs()
    found = []
    for name in known:
        with suppress(UsageError):
            found.append(get_run(name, pk).database)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"There is a run {pk} in each of {', '.join(found)}: say which with --database."
        )
    raise UsageError(f"There is no run {pk} in {', '.join(known) or 'any database'}.")


def facts(run: MaintenanceRun) -> dict[str, Any]:
    """Return everything about a run, ready for JSON, with what can be done with it."""
    more = ("host", "pid", "generation", "unwatched", "cursor", "pace", "traceback")
    return {
        **run.snapshot(),
        **{name: getattr(run, name) for name in more},
        "dead": is_left(run),
        "standing": asdict(standing_of(run)),
        "choices": choices(run),
    }


def is_left(run: MaintenanceRun) -> bool:
    """Return whether the run says that it is at work and its process is dead."""
    # Only these need the database's clock.
    return run.state in WORKING and is_dead(run, get_backend(run.database).session.now())


def choices(run: MaintenanceRun) -> list[str]:
    """Return what can be done with a run: "pause", "resume", "cancel"."""
    state, left = State(run.state), is_left(run)
    possible = {
        "pause": (state, State.PAUSING) in MOVES and not left,
        "resume": (state, State.RUNNING) in MOVES or left,
        "cancel": (state, _cancelled(state)) in MOVES or left,
    }
    return [name for name, can in possible.items() if can]


def pause(alias: str, pk: int) -> MaintenanceRun:
    """Ask a run to pause after the batch at work; return it as it is then.

    Raises UsageError for an unknown run, IllegalMove for one that is not running or whose process
    is dead, Refused while a process that sleeps keeps it locked.
    """

    def once(backend: Backend, run: MaintenanceRun) -> MaintenanceRun | None:
        if is_left(run):
            raise IllegalMove(_dead(run))
        return move(backend, run, State.PAUSING, fence=False)

    return changed(alias, pk, once)


def cancel(alias: str, pk: int) -> MaintenanceRun:
    """End a run for good; return it as it is then.

    One that has a process is cancelling until the batch at work has ended, any other one is
    cancelled at once. Rows that it has moved stay where they are. Raises UsageError for an unknown
    run, IllegalMove for one that has ended, Refused while a process that sleeps keeps it locked.
    """

    def once(backend: Backend, run: MaintenanceRun) -> MaintenanceRun | None:
        if is_left(run):
            return bury(backend, run, error=_("Cancelled; its process had died."))
        after = _cancelled(State(run.state))
        return move(backend, run, after, fence=after is State.CANCELLED)

    return changed(alias, pk, once)


def _cancelled(state: State) -> State:
    return State.CANCELLING if state in WORKING else State.CANCELLED


def changed(
    alias: str, pk: int, once: Callable[[Backend, MaintenanceRun], MaintenanceRun | None]
) -> MaintenanceRun:
    """Do ``once``, and look again whenever the run has moved on by itself meanwhile."""
    backend = get_backend(alias)
    while True:
        run = get_run(alias, pk)
        try:
            changed = patiently(backend, lambda: once(backend, run))  # noqa: B023 - called at once
        except IllegalMove as error:
            raise IllegalMove(
                _("Run {pk} stays as it is. {reason}", pk=pk, reason=error.args[0])
            ) from None
        except DatabaseError as error:
            if backend.errors.trouble(error) is Trouble.LOCK_TIMEOUT:
                raise Refused([_locked(run)]) from error
            raise
        # Nobody moves in circles without an end: each round somebody else has made a move.
        if changed is not None:
            return changed


def _dead(run: MaintenanceRun) -> str:
    sign = f"{aware(run.heartbeat_at):%Y-%m-%d %H:%M:%S %Z}" if run.heartbeat_at else _("none")
    return _(
        "Its process {pid} on {host} is dead (last sign of life: {sign}), so nobody would pause. "
        "{resume} carries on with it, {cancel} gives it up.",
        pid=run.pid,
        host=run.host,
        sign=sign,
        resume=command("resume", run.pk, run.database),
        cancel=command("cancel", run.pk, run.database),
    )


def _locked(run: MaintenanceRun) -> Refusal:
    return Refusal(
        code="run-locked",
        what=_("Run {pk} is as it was: its row in the run log is locked.", pk=run.pk),
        why=_("Another session works on it or sleeps in the middle of a batch."),
        instead=_(
            "Try again; end process {pid} on {host} if it hangs. Its batch is rolled back then, "
            "and nothing is lost.",
            pid=run.pid,
            host=run.host,
        ),
    )
