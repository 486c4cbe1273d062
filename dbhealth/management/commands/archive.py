"""``manage.py archive``: move rows past their retention, or verify what a run has moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.api import archive_tables, checked
from dbhealth.archive.family import leaving_in
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import chosen
from dbhealth.archive.verb import Circumstances
from dbhealth.archive.verify import verify_run
from dbhealth.exceptions import UsageError
from dbhealth.management import arguments
from dbhealth.management.archive_output import failure, show_plan, show_run
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.progress import progress_for
from dbhealth.management.verify_output import show_verification, unverified
from dbhealth.runs.models import Trigger
from dbhealth.runs.stopping import listening


class Command(BaseCommand):
    """Move rows past their retention into the archive tables."""

    help = "Moves rows that are past their retention into the archive tables; nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("--dry-run", action="store_true", help="Show what would be done; change nothing.")
        add(
            "--verify",
            type=arguments.positive_int,
            metavar="RUN",
            help="Change nothing; compare what this run has archived with the totals it keeps.",
        )
        add(
            "--table",
            action="append",
            metavar="NAME",
            help="Only this table, by its name or as app.Model; may be repeated.",
        )
        add(
            "--retention-days",
            type=arguments.positive_int,
            metavar="N",
            help="Keep N days, whatever the policies say.",
        )
        add(
            "--batch-size",
            type=arguments.positive_int,
            metavar="N",
            help="Move at most N rows in one transaction.",
        )
        add(
            "--max-rows",
            type=arguments.positive_int,
            metavar="N",
            help="Move at most N rows of each table; the next run goes on.",
        )
        add(
            "--max-runtime",
            type=arguments.positive_number,
            metavar="SECONDS",
            help="Begin no batch after so long; the next run goes on.",
        )
        add("--no-progress", action="store_true", help="Show no progress on stderr.")
        add(
            "--allow-emptying",
            action="store_true",
            help="Go ahead where every row of a table would go.",
        )
        add(
            "--allow-clock-skew",
            action="store_true",
            help="Go ahead where the clock of the database differs from this one.",
        )
        arguments.add_database_option(parser)
        arguments.add_output_options(parser)

    def work(self, **options: Any) -> None:
        """Archive, show the plan or verify a run; exit with 1 when a table was not done."""
        if options["verify"] is not None:
            self._verify(options)
            return
        days = options["retention_days"]
        wishes = ("batch_size", "max_rows", "max_runtime", "allow_emptying", "allow_clock_skew")
        asked = checked(
            Asked(
                retention=None if days is None else timedelta(days=min(days, timedelta.max.days)),
                **{name: options[name] for name in wishes},
            )
        )
        names, using = options["table"], options["database"]
        tables = chosen(names, using) if names else leaving_in(using)
        with listening() as stop:
            around = Circumstances(
                trigger=Trigger.COMMAND,
                started_by=self.whoami(),
                stop=stop,
                progress=progress_for(
                    self.error_console(), self.stderr.write, wanted=not options["no_progress"]
                ),
            )
            dry_run = options["dry_run"]
            result = archive_tables(tables, asked, dry_run=dry_run, circumstances=around)
        if options["format"] == "json":
            self.write_json(result)
        else:
            (show_plan if dry_run else show_run)(self.console, result)
        if sentence := failure(result):
            self.fail(sentence)

    def _verify(self, options: dict[str, Any]) -> None:
        ignored = ("table", "retention_days", "batch_size", "max_rows", "max_runtime", "dry_run")
        if given := [name for name in ignored if options[name]]:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(f"--verify looks at one whole run and changes nothing: no {names}.")
        found = verify_run(options["verify"], using=options["database"])
        if options["format"] == "json":
            self.write_json(found)
        else:
            show_verification(self.console, found)
        if sentence := unverified(found):
            self.fail(sentence)
