"""The task that a worker of Django's tasks framework executes. Importing it reads TASKS."""

from __future__ import annotations

import signal
from importlib import import_module
from typing import Any

from dbhealth.tasks.execution import execute
from dbhealth.tasks.framework import BACKEND, package, queue

_task: Any = import_module(package()).task


@_task(backend=BACKEND, queue_name=queue())  # type: ignore[untyped-decorator]
def execute_run(alias: str, pk: int) -> str:
    """Execute a queued run and return the state that it came to; the run log has the rest."""
    state, reason = execute(alias, pk)
    if reason:
        # The worker has to hear it too: it was told to stop, not only its task.
        signal.raise_signal(signal.Signals[reason])
    return state
