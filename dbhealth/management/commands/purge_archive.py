"""``manage.py purge_archive``: delete archived rows past their purge_after, for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.purge_api import checked_purge, purge_tables, purgeable
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.registry import chosen
from dbhealth.archive.verb import Circumstances
from dbhealth.management import arguments
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.progress import progress_for
from dbhealth.management.purge_output import failure, show_plan, show_run
from dbhealth.runs.models import Trigger
from dbhealth.runs.stopping import listening

_OPTIONS = (
    *("batch_size", "max_rows", "max_runtime"),
    *("allow_emptying", "allow_share", "allow_clock_skew"),
)


class Command(BaseCommand):
    """Delete archived rows past their purge_after, for good."""

    help = "Deletes rows that archives have kept past their purge_after. They are gone for ever."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("--dry-run", action="store_true", help="Show what would be done; change nothing.")
        add(
            "--table",
            action="append",
            metavar="NAME",
            help="Only this archive, by the name of its table or its source's, or as app.Model; "
            "may be repeated. Default: every archive with a purge_after.",
        )
        add(
            "--older-than-days",
            type=arguments.positive_int,
            metavar="N",
            help="Keep N days from archiving on, whatever the policy says; needs --table.",
        )
        add(
            "--batch-size",
            type=arguments.positive_int,
            metavar="N",
            help="Delete at most N rows in one transaction.",
        )
        add(
            "--max-rows",
            type=arguments.positive_int,
            metavar="N",
            help="Delete at most N rows of each archive; the next run goes on.",
        )
        add(
            "--max-runtime",
            type=arguments.positive_number,
            metavar="SECONDS",
            help="Begin no batch after so long; the next run goes on.",
        )
        add("--no-progress", action="store_true", help="Show no progress on stderr.")
        add(
            "--allow-share",
            action="store_true",
            help="Go ahead where more than DBHEALTH['PURGE_MAX_SHARE'] of an archive would go.",
        )
        add(
            "--allow-emptying",
            action="store_true",
            help="Go ahead where every row of an archive would go.",
        )
        add(
            "--allow-clock-skew",
            action="store_true",
            help="Go ahead where the clock of the database differs from this one.",
        )
        arguments.add_database_option(parser)
        arguments.add_output_options(parser)

    def work(self, **options: Any) -> None:
        """Purge, or show the plan; exit with 1 when an archive was not done."""
        days, names = options["older_than_days"], options["table"]
        asked = checked_purge(
            PurgeAsked(
                older_than=None if days is None else timedelta(days=min(days, timedelta.max.days)),
                **{name: options[name] for name in _OPTIONS},
            ),
            named=bool(names),
        )
        using = options["database"]
        tables = chosen(names, using) if names else purgeable(using)
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
            result = purge_tables(tables, asked, dry_run=dry_run, circumstances=around)
        if options["format"] == "json":
            self.write_json(result)
        else:
            (show_plan if dry_run else show_run)(self.console, result)
        if sentence := failure(result):
            self.fail(sentence)
