"""A PgBouncer before a server of a test: many clients share few sessions by the transaction."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.servers import account, watchdog

PORT = 6432  # names the socket file, as that of a server does


@contextmanager
def pooler(server_host: str, database: str, user: str, **settings: str) -> Iterator[str]:
    """Yield the host of a PgBouncer before one database of a server, with further settings."""
    program = _program()
    directory = Path(tempfile.mkdtemp(prefix="dbhealth-pool-"))
    guard = watchdog.watch(directory)
    (directory / "ini").write_text(_configuration(directory, server_host, database, user, settings))
    account.give_away(directory)
    process = subprocess.Popen(
        [program, "-q", directory / "ini"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **account.popen_options(),
    )
    try:
        _wait(directory, database, user)
        yield str(directory)
    finally:
        process.terminate()
        process.wait()
        watchdog.release(guard)


def _program() -> str:
    """Return PgBouncer's program. Without one the test is skipped, and fails on CI."""
    # Debian has it where only root looks.
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found:
        return found
    reason = "This machine has no pgbouncer."
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} On CI it must be there.")
    pytest.skip(reason)


def _configuration(
    directory: Path, host: str, database: str, user: str, settings: dict[str, str]
) -> str:
    options = {
        "listen_addr": "",
        "listen_port": PORT,
        "unix_socket_dir": directory,
        "logfile": directory / "log",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": "3",
    } | settings
    lines = [f"{name} = {value}" for name, value in options.items()]
    place = f"{database} = host={host} port=5432 dbname={database} user={user}"
    return "\n".join(["[databases]", place, "[pgbouncer]", *lines, ""])


def _wait(directory: Path, database: str, user: str) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(host=str(directory), port=PORT, dbname=database, user=user):
                return
        except psycopg.OperationalError:
            log = directory / "log"
            said = log.read_text() if log.exists() else ""
            assert time.monotonic() < until, f"PgBouncer does not answer: {said}"
            time.sleep(0.05)
