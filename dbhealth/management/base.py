"""The base of dbhealth's commands: exit codes, JSON and a console that also cron can read."""

from __future__ import annotations

import getpass
import json
import os
import sys
from typing import Any

from django.core.management import CommandError
from django.db import DatabaseError
from django_rich.management import RichCommand
from rich.console import Console

from dbhealth.exceptions import DBHealthError, UsageError

WRONG_USAGE = 2
"""The exit code of wrong usage, argparse's as well as ours."""

# Wide enough that no table is cut in the log of a cron job; a terminal has its own width.
_LOG_WIDTH = 160


class Command(RichCommand):
    """Parses, calls one function, shows the result.

    Exit codes: 0 done; 1 something failed or was refused; 2 wrong usage.
    """

    def make_rich_console(self, **kwargs: Any) -> Console:
        """Return a console that does not cut tables where nobody has set a width."""
        console = Console(**kwargs)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console = Console(**{**kwargs, "width": _LOG_WIDTH})
        return console

    def error_console(self) -> Console:
        """Return the console for progress and notes."""
        stream = getattr(self.stderr, "_out", sys.stderr)
        return self.make_rich_console(file=stream, stderr=True)

    def fail(self, sentence: str) -> None:
        """End with exit code 1 and a sentence on stderr; everything else has been shown."""
        raise CommandError(sentence)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command; dbhealth's own errors become one sentence each."""
        try:
            self.work(**options)
        except UsageError as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from error
        except DBHealthError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"{type(error).__name__}: {str(error).strip()}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped; the batch at work was rolled back.") from None

    def work(self, **options: Any) -> None:
        """Do what the command is for."""
        raise NotImplementedError("A command has a work method.")

    def write_json(self, document: Any) -> None:
        """Write one JSON document to stdout, in ASCII: a cron job may have any encoding."""
        try:
            self.stdout.write(json.dumps(document, indent=2, default=str))
            self.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more. As Rich ends text then; Python's own last flush goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None

    @staticmethod
    def whoami() -> str:
        """Return who runs the command, for the record."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container's user id without a name
            return f"uid {os.getuid()}"
