"""Which executor there is, by DBHEALTH["BACKGROUND"]."""

from __future__ import annotations

from dbhealth.conf import get_settings
from dbhealth.exceptions import ConfigurationError
from dbhealth.runs.background import Executor
from dbhealth.tasks import framework, process


def choose() -> Executor:
    """Return the executor that the settings name.

    Raises ConfigurationError where it is Django's TASKS and these would not work.
    """
    wanted = get_settings().background
    if wanted == "process":
        return process.EXECUTOR
    if lacking := framework.lacking():
        if wanted == "tasks":
            raise ConfigurationError(f"DBHEALTH['BACKGROUND'] is 'tasks'. {lacking}")
        return process.EXECUTOR
    return framework.EXECUTOR
