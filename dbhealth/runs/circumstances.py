"""Around a verb: who asks for it, who listens, when it has to end, and where it must not run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from django.db import connections

from dbhealth.runs.models import Trigger
from dbhealth.runs.progress import Progress, Silent
from dbhealth.runs.stopping import StopRequest


@dataclass(kw_only=True)
class Circumstances:
    """Who asks for a verb, who listens, and when it has to end.

    ``resumes`` is the id of a run that is to be carried on with although it is paused.
    """

    trigger: Trigger = Trigger.API
    started_by: str = ""
    progress: Progress = field(default_factory=Silent)
    stop: StopRequest = field(default_factory=StopRequest)
    deadline: float | None = None
    resumes: int | None = None

    def within(self, seconds: float | None) -> Circumstances:
        """Return the same with an end in so many seconds from now, None for no end."""
        deadline = None if seconds is None else time.monotonic() + seconds
        return replace(self, deadline=deadline)


def in_transaction(alias: str) -> bool:
    """Return whether the caller has a transaction open, other than that of a Django TestCase."""
    connection = connections[alias]
    if not connection.in_atomic_block:
        # Without autocommit the connection is in a transaction from its first statement on.
        return not connection.get_autocommit()
    return not all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
