"""``manage.py restore_archive``: bring archived rows back into their table."""

from __future__ import annotations

import csv
from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.registry import find
from dbhealth.archive.restore_api import prepared
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.management import arguments
from dbhealth.management.restore_output import RESTORE
from dbhealth.management.verb_command import VerbCommand
from dbhealth.runs.circumstances import Circumstances


class Command(VerbCommand):
    """Bring archived rows back into their table."""

    help = (
        "Brings archived rows back into the table they came from, as they were. Say which: by "
        "--run, --pk, --since or --until. Look first with --dry-run."
    )
    output = RESTORE
    tables = (
        "This table, by its name or as app.Model; may be repeated. Default: every table "
        "that the run of --run has archived rows of."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        run = "Rows that this run has archived."
        add("--run", type=arguments.positive_int, metavar="ID", help=run)
        add(
            "--pk",
            action="append",
            metavar="KEY",
            help="The row with this primary key; may be repeated. A composite key has commas "
            "between its values, and quotation marks as in CSV around one with a comma.",
        )
        since = "Rows archived at this time or later (ISO, in the project's time zone)."
        add("--since", type=arguments.moment, metavar="TIME", help=since)
        until = "Rows archived before this time."
        add("--until", type=arguments.moment, metavar="TIME", help=until)
        skip = "Leave rows in the archive that cannot come back, and restore the others."
        add("--skip-conflicts", action="store_true", help=skip)
        arguments.add_bounds(parser, then="the same call")

    def call(self, options: dict[str, Any], circumstances: Circumstances) -> Any:
        """Restore, or show the plan."""
        tables = options["table"] or []
        keys = _keys(options["pk"], tables)
        wanted = Wanted(keys=keys, **arguments.fields_of(Wanted, options))
        work = prepared(tables, options["database"], wanted, circumstances)
        return work.look() if options["dry_run"] else work.execute()


def _keys(texts: list[str] | None, tables: list[str]) -> tuple[Any, ...] | None:
    """Return the keys as they were typed; a composite one is a tuple of texts."""
    if texts is None:
        return None
    is_composite = len(tables) == 1 and len(find(tables[0]).source._meta.pk_fields) > 1
    return tuple(tuple(next(csv.reader([text]), [])) if is_composite else text for text in texts)
