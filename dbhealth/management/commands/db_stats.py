"""``manage.py db_stats``: sizes, growth, how tables stand, and what may be archived."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.snapshots import TakenArchives
from dbhealth.management import arguments
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.stats_csv import lines
from dbhealth.management.stats_output import show_stats
from dbhealth.management.terminal import count, size
from dbhealth.recipes import archive_snapshots, database_stats, size_snapshots


class Command(BaseCommand):
    """Show sizes, their growth, the condition of tables and archivable rows."""

    help = (
        "Shows the size of the database, of its largest tables and indexes, how they grow, how "
        "the tables stand, and what may be archived."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add(
            "--largest",
            type=arguments.positive_int,
            default=10,
            metavar="N",
            help="How many of the largest tables and indexes to show.",
        )
        add(
            "--exact",
            type=arguments.positive_number,
            metavar="SECONDS",
            help="Read the tables, the largest first, for so long to measure what they waste.",
        )
        add(
            "--snapshot",
            action="store_true",
            help="Keep the sizes that have changed since the last snapshot, and the figures of the "
            "archives, for cron; show none.",
        )
        arguments.add_database_option(parser)
        arguments.add_output_options(parser, csv="a line for each database, table and index.")

    def work(self, **options: Any) -> None:
        """Show the figures; exit with 1 when a table could not be read."""
        if options["snapshot"]:
            self._snapshot(options)
            return
        stats = database_stats(
            options["database"], largest=options["largest"], exact_seconds=options["exact"]
        )
        if options["format"] == "csv":
            self.write_text(lines(stats))
        else:
            self.show(stats, options, show_stats)
        if names := [name for name, e in stats["archives"]["tables"].items() if e["error"]]:
            self.fail_with(f"No figures of {count(len(names), 'table')}: {', '.join(names)}.")

    def _snapshot(self, options: dict[str, Any]) -> None:
        taken = size_snapshots(options["database"])
        archives = archive_snapshots(options["database"])
        if options["format"] == "json":
            self.write_json(
                {
                    alias: {**asdict(found), "archives": asdict(archives[alias])}
                    for alias, found in taken.items()
                }
            )
            return
        for alias, found in taken.items():
            self.console.print(
                f"{alias}: snapshot {found.number}, {size(found.bytes)}, "
                f"{count(found.relations, 'table or index', 'tables and indexes')}, "
                f"{found.changed:,} changed since the one before. {_of_archives(archives[alias])}",
                highlight=False,
                soft_wrap=True,
            )


def _of_archives(taken: TakenArchives) -> str:
    """Return what a look at the archives came to."""
    parts = [f"{count(taken.archives, 'archive')}"]
    if taken.failed:
        parts.append(f"no figures of {', '.join(taken.failed)}")
    if taken.late:
        parts.append(f"counting took too long for {', '.join(taken.late)}")
    return f"{'; '.join(parts)}."
