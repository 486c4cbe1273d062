"""``manage.py index_usage``: every index, who declares it, how it is used, what it is worth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management import CommandParser

from dbhealth.collector import without_collecting
from dbhealth.management import arguments
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.index_json import document
from dbhealth.management.index_output import show_usages
from dbhealth.management.index_selection import Chosen
from dbhealth.management.terminal import count
from dbhealth.recipes import index_snapshots, index_usages


class Command(BaseCommand):
    """Show every index with its owner, its figures and its verdicts."""

    help = (
        "Shows every index with who declares it, how it is used and what could be done about it, "
        "and the indexes that are missing. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("--unused", action="store_true", help="Only indexes that nobody uses, or hardly.")
        add("--duplicates", action="store_true", help="Only indexes that another one replaces.")
        add(
            "--table",
            action="append",
            metavar="NAME",
            help="Only this table; repeatable; a table name or app.Model.",
        )
        add(
            "--database",
            type=arguments.database_alias,
            metavar="ALIAS",
            help="Look at this database. Default: all of them.",
        )
        add(
            "--replica",
            action="append",
            type=arguments.database_alias,
            metavar="ALIAS",
            help="Add the scans of this read replica of the database; repeatable.",
        )
        add(
            "--snapshot",
            action="store_true",
            help="Keep what came to every index since the last snapshot, for cron; show no list.",
        )
        arguments.add_output_options(parser)

    def work(self, **options: Any) -> None:
        """Show the usage; exit with 1 when a table or figures had to be left out."""
        if options["snapshot"]:
            self._snapshot(options["database"], options["format"])
            return
        # Until the records are gone: once the collector is back, its first look is at all of them.
        with without_collecting():
            said = self._list(options)
        self.fail_with(" ".join(said))

    def _list(self, options: dict[str, Any]) -> list[str]:
        """Show the usage; return sentences on what was left out."""
        chosen = Chosen(unused=options["unused"], duplicates=options["duplicates"])
        usages, failed = index_usages(
            options["database"], tables=options["table"], standbys=options["replica"] or ()
        )
        if options["format"] == "json":
            self.write_text(document(usages, failed, chosen))
        else:
            show_usages(self.console, usages, chosen)
        said = _sentences(failed)
        said += [note for usage in usages for note in usage.notes]
        if names := [name for usage in usages for name in usage.left_out]:
            tables = count(len(names), "table")
            said.append(
                f"{tables} left out, for another session holds a lock on it: {', '.join(names)}."
            )
        return said

    def _snapshot(self, database: str | None, how: str) -> None:
        taken, failed = index_snapshots(database)
        if how == "json":
            kept = {alias: asdict(found) for alias, found in taken.items()}
            self.write_json({"snapshots": kept, "errors": failed})
        else:
            for alias, found in taken.items():
                self.console.print(
                    f"{alias}: snapshot {found.number} of "
                    f"{count(found.indexes, 'index', 'indexes')}, "
                    f"{found.used:,} used since the one before."
                )
        self.fail_with(" ".join(_sentences(failed)))


def _sentences(failed: dict[str, str]) -> list[str]:
    return [f"{alias}: {said}" for alias, said in failed.items()]
