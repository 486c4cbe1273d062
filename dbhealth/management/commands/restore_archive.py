"""``manage.py restore_archive``: bring archived rows back into their table."""

from __future__ import annotations

import csv
from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.registry import find
from dbhealth.archive.restore_api import prepared
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.archive.verb import Circumstances
from dbhealth.management import arguments
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.progress import progress_for
from dbhealth.management.restore_output import failure, show_plan, show_run
from dbhealth.runs.models import Trigger
from dbhealth.runs.stopping import listening


class Command(BaseCommand):
    """Bring archived rows back into their table."""

    help = (
        "Brings archived rows back into the table they came from, as they were. Say which: by "
        "--run, --pk, --since or --until. Look first with --dry-run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add(
            "--table",
            action="append",
            metavar="NAME",
            help="This table, by its name or as app.Model; may be repeated. Default: every table "
            "that the run of --run has archived rows of.",
        )
        add(
            "--run",
            type=arguments.positive_int,
            metavar="ID",
            help="Rows that this run has archived.",
        )
        add(
            "--pk",
            action="append",
            metavar="KEY",
            help="The row with this primary key; may be repeated. A composite key has commas "
            "between its values, and quotation marks as in CSV around one with a comma.",
        )
        add(
            "--since",
            type=arguments.moment,
            metavar="TIME",
            help="Rows archived at this time or later (ISO, in the project's time zone).",
        )
        add(
            "--until",
            type=arguments.moment,
            metavar="TIME",
            help="Rows archived before this time.",
        )
        add("--dry-run", action="store_true", help="Show what would be done; change nothing.")
        add(
            "--skip-conflicts",
            action="store_true",
            help="Leave rows in the archive that cannot come back, and restore the others.",
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
            help="Move at most N rows of each table; the same call goes on.",
        )
        add(
            "--max-runtime",
            type=arguments.positive_number,
            metavar="SECONDS",
            help="Begin no batch after so long; the same call goes on.",
        )
        add("--no-progress", action="store_true", help="Show no progress on stderr.")
        arguments.add_database_option(parser)
        arguments.add_output_options(parser)

    def work(self, **options: Any) -> None:
        """Restore, or show the plan; exit with 1 when a table was not done."""
        names = ("run", "since", "until", "skip_conflicts", "batch_size", "max_rows", "max_runtime")
        tables = options["table"] or []
        wanted = Wanted(
            keys=_keys(options["pk"], tables), **{name: options[name] for name in names}
        )
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
            call = prepared(tables, options["database"], wanted, around)
            result = call.look() if dry_run else call.execute()
        if options["format"] == "json":
            self.write_json(result)
        else:
            (show_plan if dry_run else show_run)(self.console, result)
        if sentence := failure(result):
            self.fail(sentence)


def _keys(texts: list[str] | None, tables: list[str]) -> tuple[Any, ...] | None:
    """Return the keys as they were typed; a composite one is a tuple of texts."""
    if texts is None:
        return None
    is_composite = len(tables) == 1 and len(find(tables[0]).source._meta.pk_fields) > 1
    return tuple(tuple(next(csv.reader([text]), [])) if is_composite else text for text in texts)
