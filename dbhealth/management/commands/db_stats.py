"""``manage.py db_stats``: sizes, row counts and what may be archived."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from dbhealth.management import arguments
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.stats_output import show_stats
from dbhealth.management.terminal import count
from dbhealth.recipes import database_stats


class Command(BaseCommand):
    """Show sizes, row counts and archivable rows."""

    help = "Shows the size of the database, its largest tables, and what may be archived."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--largest",
            type=arguments.positive_int,
            default=10,
            metavar="N",
            help="How many of the largest tables to show.",
        )
        arguments.add_database_option(parser)
        arguments.add_output_options(parser)

    def work(self, **options: Any) -> None:
        """Show the figures; exit with 1 when a table could not be read."""
        stats = database_stats(options["database"], largest=options["largest"])
        self.show(stats, options, show_stats)
        if names := [name for name, e in stats["archives"]["tables"].items() if e["error"]]:
            self.fail_with(f"No figures of {count(len(names), 'table')}: {', '.join(names)}.")
