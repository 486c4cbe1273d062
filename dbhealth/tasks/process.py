"""The executor that every project has: a process of its own for each run, detached from this one.

It does what ``maintenance_runs resume`` does (``dbhealth.tasks.detached``). It leads a session of
its own, so that neither a terminal that is closed nor the end of the server process ends it. (What
ends a whole service with everything in it, as systemd does, ends it too; the run is interrupted
then.)

No zombie stays behind: a thread waits for the process. A second fork would do without the thread,
but then nobody would hear of a process that ends before it has taken its run, and a fork of a
server with threads may hang. Where threads of Python do not run between requests (uWSGI without
``enable-threads``), ``subprocess`` itself collects the process when the next one is started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connections

from dbhealth.exceptions import ConfigurationError
from dbhealth.runs.background import Executor
from dbhealth.runs.control import get_run
from dbhealth.runs.queue import end_queued

LAST_BYTES = 4_000
"""Of what a process said before it ended, so much is kept: its end tells why."""


def launch(alias: str, pk: int) -> None:
    """Start the process for a queued run and return at once.

    Raises ConfigurationError where no other process could read the project's settings or no Python
    is found, and OSError where none can be started.
    """
    generation = get_run(alias, pk).generation
    words = [alias, str(pk), str(connections[alias].settings_dict["NAME"])]
    # A file and no pipe: writing to a pipe whose reader has died would end the process.
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the thread closes it
    try:
        process = subprocess.Popen(  # noqa: S603 - a number, and what the settings say
            [interpreter(), "-m", "dbhealth.tasks.detached", *words],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            close_fds=True,
            start_new_session=True,
            # Windows knows no sessions; there a process without console is on its own.
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )
    except BaseException:
        said.close()
        raise
    watch = threading.Thread(
        target=_watch,
        args=(process, said, alias, pk, generation),
        daemon=True,
        name=f"dbhealth-run-{pk}",
    )
    watch.start()


EXECUTOR = Executor(name="process", text="in a process of its own", launch=launch)


def interpreter() -> str:
    """Return the path of the Python that this process is run by.

    In a server that has Python built in, sys.executable is that server, or nothing.
    """
    own = Path(sys.executable or "/nothing")
    if own.name.lower().startswith(("python", "pypy")):
        return str(own)
    folder = Path(sysconfig.get_path("scripts"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = (f"python{version}", "python3", "python", "python.exe")
    for place in (folder / name for name in names):
        if os.access(place, os.X_OK):
            return str(place)
    raise ConfigurationError(
        f"No Python was found in {folder} to execute runs with (sys.executable is "
        f"{sys.executable!r}). Configure a backend of Django's TASKS, and see "
        "DBHEALTH['BACKGROUND']."
    )


def environment() -> dict[str, str]:
    """Return the environment in which a process finds the same settings and the same code."""
    module = getattr(settings, "SETTINGS_MODULE", None)
    if not module:
        raise ConfigurationError(
            "The settings were made by settings.configure(), so no other process can read them. "
            "Put them into a module, or configure a backend of Django's TASKS."
        )
    path = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    return {**os.environ, "DJANGO_SETTINGS_MODULE": module, "PYTHONPATH": path}


def _watch(
    process: subprocess.Popen[bytes], said: IO[bytes], alias: str, pk: int, generation: int
) -> None:
    """Wait for the process; a run that it has not taken ends with what it said."""
    with said:
        code = process.wait()
        size = said.seek(0, os.SEEK_END)
        said.seek(max(0, size - LAST_BYTES))
        last = said.read().decode(errors="replace").strip()
    end = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    try:
        end_queued(
            alias,
            pk,
            f"The process {process.pid} that was to execute it ended {end} before it had begun."
            + (f" It said: {last}" if last else ""),
            generation=generation,
        )
    finally:
        connections[alias].close()
