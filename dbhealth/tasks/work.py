"""The task that a worker of Django's tasks framework executes. Importing it reads TASKS."""

from __future__ import annotations

import logging
import signal
from importlib import import_module
from typing import Any

from dbhealth.exceptions import DBHealthError
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import get_run
from dbhealth.runs.states import WORKING, State
from dbhealth.runs.stopping import listening
from dbhealth.tasks.framework import BACKEND, package, queue

logger = logging.getLogger("dbhealth.runs")

_task: Any = import_module(package()).task


@_task(backend=BACKEND, queue_name=queue())  # type: ignore[untyped-decorator]
def execute_run(alias: str, pk: int) -> str:
    """Execute a queued run and return the state that it came to; the run log has the rest.

    A task that comes a second time, because its worker died, carries on with what is left; one
    whose run was paused, cancelled or taken by somebody else meanwhile does nothing.
    """
    if get_run(alias, pk).state in WORKING | {State.QUEUED}:
        with listening() as stop:
            try:
                resume_run(alias, pk, Circumstances(stop=stop))
            except DBHealthError as error:
                logger.warning("Run %s was not executed: %s", pk, error)
        if stop.reason:
            # The worker has to hear it too: it was told to stop, not only its task.
            signal.raise_signal(signal.Signals[stop.reason])
    return str(get_run(alias, pk).state)
