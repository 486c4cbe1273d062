"""Moving a run that this process does not hold from one state to another.

Every move is one guarded UPDATE: it happens to the very run that was looked at, in the state and
the generation that it had then, or not at all.
"""

from __future__ import annotations

from typing import Any

from dbhealth.backends import Backend
from dbhealth.clock import kept
from dbhealth.runs.log import bounded
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import ENDED, State, check_move


def move(
    backend: Backend, run: MaintenanceRun, state: State, *, fence: bool = True, **facts: Any
) -> MaintenanceRun | None:
    """Move a run, with further fields; return it as it is then, None when somebody was faster.

    ``fence`` raises the generation, so that a process which still believes in the run cannot
    write any more; without it the run stays with its process. ``run`` itself stays as it was:
    what a lock keeps from being committed can be tried again. Raises IllegalMove.
    """
    check_move(run.state, state)
    changes = {"state": state, "generation": run.generation + fence}
    if state in ENDED:
        changes["finished_at"] = kept(backend.session.now())
    known = MaintenanceRun.objects.using(backend.alias)
    same = known.filter(pk=run.pk, generation=run.generation, state=run.state)
    with bounded(backend):
        return known.get(pk=run.pk) if same.update(**changes | facts) else None


def bury(backend: Backend, run: MaintenanceRun, *, error: str = "") -> MaintenanceRun | None:
    """Cancel a run whose process is dead; return it, None when somebody was faster."""
    with bounded(backend):
        left = move(backend, run, State.INTERRUPTED)
        return None if left is None else move(backend, left, State.CANCELLED, error=error)
