"""What every executor does in the end: take a queued run and work on it, here and now."""

from __future__ import annotations

import logging

from dbhealth.exceptions import DBHealthError
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import get_run
from dbhealth.runs.states import WORKING, State
from dbhealth.runs.stopping import listening

logger = logging.getLogger("dbhealth.runs")


def execute(alias: str, pk: int) -> tuple[str, str | None]:
    """Work on a queued run; return the state it has then, and the signal that has ended it, if any.

    A run that says it is at work is carried on with if its process is dead, as when a task comes a
    second time because its worker died. Any other run stays as it is: somebody has paused, taken or
    cancelled it meanwhile. The run log has what became of it. Raises UsageError for an unknown run.
    """
    reason = None
    if get_run(alias, pk).state in WORKING | {State.QUEUED}:
        with listening() as stop:
            try:
                resume_run(alias, pk, Circumstances(stop=stop))
            except DBHealthError as error:
                logger.warning("Run %s was not executed: %s", pk, error)
        reason = stop.reason
    return str(get_run(alias, pk).state), reason
