"""Stops the server and removes the files of a test process that has died, however it died.

A fixture's clean-up does not run after SIGKILL, and tox sends exactly that half a second after
Ctrl-C. This file, run as a script, therefore waits in a session of its own for the end of its
standard input, which the kernel closes with the test process, and then cleans up. The orderly
way out is the same one: `release` closes that input and waits.

    python watchdog.py DIRECTORY [BINARIES]     BINARIES: stop the server in DIRECTORY/data first
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


def watch(directory: Path, binaries: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the script for a directory, and for the server in it where binaries are given."""
    return subprocess.Popen(
        [sys.executable, __file__, directory, *([binaries] if binaries else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def release(watchdog: subprocess.Popen[bytes]) -> None:
    """Let it clean up now, and wait until it has. May be called again."""
    if watchdog.stdin is not None:
        watchdog.stdin.close()
    watchdog.wait()


def main(directory: Path, binaries: Path | None = None) -> None:
    """Wait for the end of standard input, then stop the server and delete the directory."""
    sys.stdin.buffer.read()
    data = directory / "data"
    if binaries is not None and (data / "postmaster.pid").exists():
        owner = data.stat()
        as_owner: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_owner = {"user": owner.st_uid, "group": owner.st_gid}
        subprocess.run(
            [binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd="/",
            **as_owner,
        )
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
