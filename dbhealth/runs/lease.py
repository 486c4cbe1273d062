"""Is the process behind a run still alive?

A run gives a sign of life with every batch. One that is silent for longer than the lease is
dead; so is one whose process is gone from this very host, at once, and one whose last sign lies
further ahead than the lease, because the clock was set back. Being wrong costs nothing: the
generation keeps a process that wakes up late from writing (see ``claim``).

While SQLite writes a whole file anew nobody can write a sign of life into it. Such a statement is
announced (``unwatched``), and then the process is the sign, for whoever is on its host.
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
    is_over = silent > timedelta(seconds=get_settings().lease_seconds)
    return is_over and not (run.unwatched and _is_there(run, aware(run.heartbeat_at)))


def _is_there(run: MaintenanceRun, seen: datetime) -> bool:
    """Return whether the process that gave the sign of life of ``seen`` is still on this host.

    One of the same number that began later is another one. False where the system does not tell.
    """
    if run.host != this_host() or not run.pid:
        return False
    began = _began(run.pid)
    return began is not None and began <= seen.timestamp() + _ROUNDED


_ROUNDED = 2.0
"""Linux knows its start to the second only; a number is not given out again so soon (seconds)."""


def _began(pid: int) -> float | None:
    """Return when a process began (seconds since 1970), None where it has ended or nobody tells.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
        lines = Path("/proc/stat").read_text().splitlines()
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError):
        return None
    # The name of the program, in parentheses, may have any character in it.
    state, *facts = said.rpartition(")")[2].split()
    if state in "ZX":  # it has ended, and its parent has not asked for what became of it
        return None
    booted = next((line.split()[1] for line in lines if line.startswith("btime ")), None)
    return None if booted is None else int(booted) + int(facts[18]) / ticks
