"""Is the process behind a run still alive?

A run gives a sign of life with every batch. One that is silent for longer than the lease is
dead; so is one whose process is gone from this very host, at once, and one whose last sign lies
further ahead than the lease, because the clock was set back. Being wrong costs nothing: the
generation keeps a process that wakes up late from writing (see ``claim``).
"""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from dbhealth.clock import aware
from dbhealth.conf import get_settings
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import WORKING


@cache
def this_host() -> str:
    """Return the name under which this host's processes are known.

    Two containers may have one host name and each a process of the same number. What tells them
    apart is the boot and the namespace of process ids, where the system (Linux) has these.
    """
    marks = ""
    with suppress(OSError):
        marks = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink(
            "/proc/self/ns/pid"
        )
    digest = hashlib.sha256(marks.encode()).hexdigest()[:8]
    return f"{socket.gethostname()}/{digest}" if marks else socket.gethostname()


def is_gone(run: MaintenanceRun) -> bool:
    """Return whether the run's process ran on this host and does not exist any more."""
    # Signal 0 asks without sending; on Windows os.kill has another meaning.
    if os.name != "posix" or run.host != this_host() or not run.pid:
        return False
    if run.pid == os.getpid():
        return False
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(run.pid)


def _is_zombie(pid: int) -> bool:
    """Return whether the process has ended and nobody has waited for it, where the system tells.

    In a container whose first process waits for nobody such a number stays taken for ever.
    """
    with suppress(OSError, IndexError):
        # The name before it stands in parentheses, and may have any character in it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def is_dead(run: MaintenanceRun, now: datetime) -> bool:
    """Return whether nobody works any more on a run that says it is working.

    ``now`` is the clock of the run's database, aware.
    """
    if run.state not in WORKING:
        return False
    if is_gone(run):
        return True
    if run.heartbeat_at is None:
        return True
    # One from the future was given before the clock was set back. Waiting for that moment to come
    # could take years, and a process that lives corrects it with its next batch.
    silent = abs(now - aware(run.heartbeat_at))
    return silent > timedelta(seconds=get_settings().lease_seconds)
