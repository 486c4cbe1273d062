"""Which executor there is, by DBHEALTH["BACKGROUND"]."""

from __future__ import annotations

from dbhealth.runs.background import Executor
from dbhealth.tasks import process


def choose() -> Executor:
    """Return the executor that the settings name."""
    return process.EXECUTOR
