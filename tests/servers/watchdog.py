"""Stops a server whose test process has died, however it died.

A fixture's clean-up does not run after SIGKILL, and tox sends exactly that half a second after
Ctrl-C. This script therefore waits, in a session of its own, for the end of its standard input,
which the kernel closes with the test process. Then it stops the server and removes its files.

Usage: python watchdog.py BINARIES DIRECTORY   (DIRECTORY holds the data directory `data`)
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def main(binaries: Path, directory: Path) -> None:
    """Wait for the end of standard input, then stop the server and delete its directory."""
    sys.stdin.buffer.read()
    data = directory / "data"
    if (data / "postmaster.pid").exists():
        owner = data.stat()
        as_owner = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
        subprocess.run(
            [binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd="/",
            **as_owner,
        )
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
