"""``manage.py archive``: move rows past their retention, or verify what a run has moved."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.api import archive_tables, checked
from dbhealth.archive.family import leaving_in
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import chosen
from dbhealth.archive.verify import verify_run
from dbhealth.exceptions import UsageError
from dbhealth.management import arguments
from dbhealth.management.archive_output import ARCHIVE
from dbhealth.management.verb_command import VerbCommand
from dbhealth.management.verify_output import show_verification, unverified
from dbhealth.runs.circumstances import Circumstances


class Command(VerbCommand):
    """Move rows past their retention into the archive tables."""

    help = "Moves rows that are past their retention into the archive tables; nothing is lost."
    output = ARCHIVE
    tables = "Only this table, by its name or as app.Model; may be repeated."

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--verify",
            type=arguments.positive_int,
            metavar="RUN",
            help="Change nothing; compare what this run has archived with the totals it keeps.",
        )
        arguments.add_days_option(
            parser, "--retention-days", "Keep N days, whatever the policies say."
        )
        arguments.add_bounds(parser)
        arguments.add_allowances(parser, emptying="every row of a table would go")

    def call(self, options: dict[str, Any], circumstances: Circumstances) -> Any:
        """Archive, or show the plan."""
        given = arguments.fields_of(Asked, options)
        asked = checked(Asked(retention=arguments.span(options["retention_days"]), **given))
        names, using = options["table"], options["database"]
        tables = chosen(names, using) if names else leaving_in(using)
        dry_run = options["dry_run"]
        return archive_tables(tables, asked, dry_run=dry_run, circumstances=circumstances)

    def work(self, **options: Any) -> None:
        """Archive, show the plan or verify a run; exit with 1 when a table was not done."""
        if options["verify"] is None:
            super().work(**options)
        else:
            self._verify(options)

    def _verify(self, options: dict[str, Any]) -> None:
        ignored = ("table", "retention_days", "batch_size", "max_rows", "max_runtime", "dry_run")
        if given := [name for name in ignored if options[name]]:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(f"--verify looks at one whole run and changes nothing: no {names}.")
        found = verify_run(options["verify"], using=options["database"])
        self.show(found, options, show_verification)
        self.fail_with(unverified(found))
