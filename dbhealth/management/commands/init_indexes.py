"""``manage.py init_indexes``: make the database have the indexes that the code declares."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from dbhealth.exceptions import UsageError
from dbhealth.indexes.build import index_status, init_indexes
from dbhealth.management.init_output import INIT, show_status
from dbhealth.management.verb_command import VerbCommand
from dbhealth.recipes import init_all
from dbhealth.runs.circumstances import Circumstances


class Command(VerbCommand):
    """Create what is missing, rebuild what is invalid, analyze; or show how all indexes stand."""

    help = "Creates declared indexes that are missing, rebuilds invalid ones, and analyzes."
    output = INIT
    tables = "Only the indexes of this table, by its name or as app.Model; may be repeated."

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        for name, text in (
            ("--status", "Change nothing; show all declared and existing indexes."),
            ("--vacuum", "Vacuum all tables afterwards, on SQLite the whole file."),
            ("--all", "Create, rebuild, vacuum and analyze all tables, then show the status."),
        ):
            parser.add_argument(name, action="store_true", help=text)

    def call(self, options: dict[str, Any], circumstances: Circumstances) -> Any:
        """Do the work, or show the plan."""
        using, tables = options["database"], options["table"]
        if options["all"] and not options["dry_run"]:
            return init_all(using, tables=tables, circumstances=circumstances)
        return init_indexes(
            using,
            tables=tables,
            dry_run=options["dry_run"],
            vacuum=options["vacuum"] or options["all"],
            analyze=options["all"],
            circumstances=circumstances,
        )

    def work(self, **options: Any) -> None:
        """Do the work, show the plan or the status; exit with 1 when something was not done."""
        if not options["status"]:
            super().work(**options)
            return
        if given := [name for name in ("all", "vacuum", "dry_run") if options[name]]:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(f"--status shows and changes nothing: no {names}.")
        self.show(index_status(options["database"], tables=options["table"]), options, show_status)
