"""The base of the commands that run a verb over tables: archive, purge_archive and their like."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from django.core.management import CommandParser

from dbhealth.management import arguments
from dbhealth.management.base import Command
from dbhealth.management.verb_output import VerbOutput
from dbhealth.runs.circumstances import Circumstances


class VerbCommand(Command):
    """Runs a verb over tables, or shows with --dry-run what it would do; as text or as JSON.

    A command says how its results are shown, which options it has beyond those of every verb, and
    what it calls::

        class Command(VerbCommand):
            help = "…"
            output = VACUUM             # a VerbOutput
            tables = "Only this table; may be repeated."

            def add_own_arguments(self, parser): ...

            def call(self, options, circumstances):
                return vacuum_tables(options["table"], dry_run=options["dry_run"], …)

    The exit code is 1 when an entry of the result was not done; see ``VerbOutput.failure``.
    """

    output: ClassVar[VerbOutput]
    """How results are shown to people."""
    tables: ClassVar[str]
    """The help of --table."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of every verb around its own."""
        arguments.add_scope_options(parser, tables=self.tables)
        self.add_own_arguments(parser)
        arguments.add_progress_option(parser)
        arguments.add_database_option(parser)
        arguments.add_output_options(parser)

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Add the options that other verbs do not have."""

    @abstractmethod
    def call(self, options: dict[str, Any], circumstances: Circumstances) -> Any:
        """Do the work, or with ``options["dry_run"]`` look only, and return the result."""

    def work(self, **options: Any) -> None:
        """Call the verb and show what came of it; SIGINT and SIGTERM end it after a batch."""
        with self.circumstances(options) as around:
            result = self.call(options, around)
        output = self.output
        self.show(result, options, output.show_plan if options["dry_run"] else output.show_run)
        self.fail_with(output.failure(result))
