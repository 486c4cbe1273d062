"""Running commands: inside this process, in one of their own, and on a terminal."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.core.management import ManagementUtility
from django.db import connections
from django.utils import timezone

from tests.shopapp.models import Interaction, Parcel, Reading

MANAGE = "from django.core.management import execute_from_command_line as run; import sys; "
MANAGE += "run(['manage.py', *sys.argv[1:]])"


@dataclass
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The whole of stdout as one JSON document."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Both streams, with all white space as single blanks: texts wrap where they want."""
        return " ".join((self.out + self.err).split())


class Runner:
    """Runs a command as manage.py does, in this process: with its streams and its exit code.

    Only the connections stay open at its end, because the test's transaction is on them.
    """

    def __init__(self, capsys: Any) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = 0
        try:
            with patch.object(connections, "close_all"):
                ManagementUtility(["manage.py", *arguments, "--skip-checks"]).execute()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Done(code, *self._capsys.readouterr())


def in_a_process(environment: dict[str, str], *arguments: str) -> Done:
    """Run a command in a process of its own, with pipes."""
    done = subprocess.run(
        [sys.executable, "-c", MANAGE, *arguments, "--skip-checks"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def on_a_terminal(environment: dict[str, str], width: int, *arguments: str) -> Done:
    """Run a command with its streams on a terminal of ``width`` columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", MANAGE, *arguments, "--skip-checks"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(slave)
    seen = b""
    try:
        while piece := os.read(master, 65_536):
            seen += piece
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    finally:
        os.close(master)
    return Done(process.wait(), seen.decode(), "")


def everything() -> dict[str, list[Any]]:
    """Return every row of every table of both databases."""
    found = {}
    for alias in connections:
        connection = connections[alias]
        quote = connection.ops.quote_name
        with connection.cursor() as cursor:
            for table in sorted(connection.introspection.table_names(cursor)):
                cursor.execute(f"SELECT * FROM {quote(table)}")
                found[f"{alias}:{table}"] = sorted(map(repr, cursor.fetchall()))
    return found


def only_the_shop(settings: Any) -> None:
    """Take the other apps of the tests away: "all tables" are then those of the shop."""
    settings.INSTALLED_APPS = [
        app
        for app in settings.INSTALLED_APPS
        if not app.startswith("tests.") or app == "tests.shopapp"
    ]


def send(rows: int, *, using: str = "default", days: int = 200) -> list[Parcel]:
    """Make parcels that are ``days`` days old, and one of today that stays."""
    now = timezone.now()
    made = [
        Parcel(number=f"{days}-{i}", sent_at=now - timedelta(days=days, seconds=i))
        for i in range(rows)
    ]
    made.append(Parcel(number=f"today-{days}", sent_at=now))
    return Parcel.objects.using(using).bulk_create(made)


def interact(rows: int, *, using: str = "default") -> None:
    """Make interactions that are old, and one of today that stays."""
    now = timezone.now()
    old = [Interaction(happened_at=now - timedelta(days=500 + i)) for i in range(rows)]
    Interaction.objects.using(using).bulk_create([*old, Interaction(happened_at=now)])


def read_meters(rows: int, *, of_today: int = 1) -> None:
    """Make readings that are old, and some of today that stay."""
    today = timezone.now().date()
    old = [Reading(taken_on=today - timedelta(days=100 + i), checked=True) for i in range(rows)]
    new = [Reading(taken_on=today, checked=True) for _ in range(of_today)]
    Reading.objects.bulk_create([*old, *new])
