"""The base of dbhealth's commands: exit codes, JSON and a console that also cron can read."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import CommandError
from django.db import DatabaseError
from django_rich.management import RichCommand
from rich.console import Console

from dbhealth.exceptions import DBHealthError, UsageError
from dbhealth.management.progress import progress_for
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import Trigger
from dbhealth.runs.stopping import listening

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

    def fail_with(self, sentence: str, code: int = 1) -> None:
        """End with an exit code and the sentence on stderr; an empty one: nothing has failed.

        Comes last: everything else has been shown.
        """
        if sentence:
            raise CommandError(sentence, returncode=code)

    @contextmanager
    def circumstances(self, options: dict[str, Any]) -> Iterator[Circumstances]:
        """Yield who runs a verb and who listens; SIGINT and SIGTERM are taken inside the block.

        Reads --no-progress of the options.
        """
        wanted = not options["no_progress"]
        with listening() as stop:
            yield Circumstances(
                trigger=Trigger.COMMAND,
                started_by=self.whoami(),
                stop=stop,
                progress=progress_for(self.error_console(), self.stderr.write, wanted=wanted),
            )

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

    def show(
        self, found: Any, options: dict[str, Any], for_people: Callable[[Console, Any], None]
    ) -> None:
        """Write what was found as --format says: as JSON, or as text by ``for_people``."""
        if options["format"] == "json":
            self.write_json(found)
        else:
            for_people(self.console, found)

    def write_json(self, document: Any) -> None:
        """Write one JSON document to stdout, in ASCII: a cron job may have any encoding."""
        self.write_text([json.dumps(document, indent=2, default=str), "\n"])

    def write_text(self, parts: Iterable[str]) -> None:
        """Write text to stdout, piece by piece."""
        try:
            for part in parts:
                self.stdout.write(part, ending="")
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
