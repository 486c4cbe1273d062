"""The turn of one table among others: whatever becomes of it, the others have theirs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from dbhealth.archive.results import TableResult
from dbhealth.archive.verb import VerbRun
from dbhealth.exceptions import DBHealthError, Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.failures import told
from dbhealth.runs.states import State
from dbhealth.saying import say as _

logger = logging.getLogger("dbhealth.archive")

ResultT = TypeVar("ResultT", bound=TableResult)


def turn(run: VerbRun[Any], result: ResultT, look: Callable[[], ResultT] | None = None) -> ResultT:
    """Return what became of one table; errors and refusals are in it.

    ``result`` is the one that ``run`` keeps true. ``look`` is what a dry run does in its place.
    """
    if look is None and (reason := too_late(run.circumstances)):
        stopped = run.circumstances.stop.reason
        result["state"] = str(State.INTERRUPTED if stopped else State.SUCCEEDED)
        result["stopped"] = _("not begun: {reason}", reason=reason)
        return result
    try:
        if look is not None:
            return look()
        run.execute()
    except Refused:
        pass  # the result has the reasons
    except DBHealthError as error:
        result["state"], result["error"] = "failed", str(error)
    except Exception as error:
        # The run has the traceback.
        logger.exception("%s failed.", run)
        result["state"] = "failed"
        result["error"] = result["error"] or told(error, run.alias, begun=False)
    return result


def too_late(circumstances: Circumstances) -> str:
    """Return why no further table is to be begun, empty where nothing speaks against it."""
    if circumstances.stop.reason:
        return _("stopped by {signal}", signal=circumstances.stop.reason)
    deadline = circumstances.deadline
    is_late = deadline is not None and time.monotonic() >= deadline
    return _("max-runtime reached") if is_late else ""
