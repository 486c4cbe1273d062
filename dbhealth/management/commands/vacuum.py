"""``manage.py vacuum``: VACUUM and ANALYZE, the tables that need it most first."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import CommandParser

from dbhealth.exceptions import UsageError
from dbhealth.maintenance.plan import Asked
from dbhealth.maintenance.vacuum import vacuum
from dbhealth.management import arguments
from dbhealth.management.vacuum_output import VACUUM, show_warning
from dbhealth.management.verb_command import VerbCommand
from dbhealth.runs.circumstances import Circumstances


class Command(VerbCommand):
    """Vacuum and analyze tables; on SQLite the whole file, after it was checked."""

    help = "Vacuums and analyzes all tables or chosen ones, those that need it most first."
    output = VACUUM
    tables = "Only this table, by its name or as app.Model; may be repeated."

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        for name, text in (
            ("--analyze-only", "Renew the planner's statistics only."),
            ("--freeze", "Freeze all rows as well, against transaction wraparound (PostgreSQL)."),
            ("--full", "Write tables anew; nobody reads or writes them meanwhile. Asks before."),
            ("--reindex", "Rebuild the indexes as well; on PostgreSQL others may write meanwhile."),
            ("--reindex-only", "Rebuild the indexes, and do nothing else."),
            ("--yes", "Do not ask before --full."),
        ):
            parser.add_argument(name, action="store_true", help=text)
        parser.add_argument(
            "--min-dead-ratio",
            type=arguments.positive_number,
            metavar="SHARE",
            help="Leave tables alone of which a smaller part is dead rows, 0 to 1.",
        )
        parser.add_argument(
            "--max-runtime",
            type=arguments.positive_number,
            metavar="SECONDS",
            help="Begin no table after so long; the next run begins with those in need.",
        )

    def call(self, options: dict[str, Any], circumstances: Circumstances) -> Any:
        """Do the work, or show the plan."""
        given = arguments.fields_of(Asked, options)
        wanted = {
            "using": options["database"],
            "tables": options["table"],
            "asked": Asked(**given),
        }
        if options["full"] and not options["dry_run"] and not options["yes"]:
            self._ask(wanted)
        around = circumstances.within(options["max_runtime"])
        return vacuum(**wanted, dry_run=options["dry_run"], circumstances=around)

    def _ask(self, wanted: dict[str, Any]) -> None:
        """Show what --full does to whom, and go on only when somebody agrees."""
        if not sys.stdin.isatty():
            raise UsageError(
                "--full writes tables anew under a lock that keeps everybody out, and nobody is "
                "here to be asked. See what it does with --dry-run, then call it with --yes."
            )
        console = self.error_console()
        show_warning(console, vacuum(**wanted, dry_run=True))
        console.print("Go ahead? [y/N] ", end="", markup=False, highlight=False)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UsageError("Nothing was changed.")
