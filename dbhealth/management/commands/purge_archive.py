"""``manage.py purge_archive``: delete archived rows past their purge_after, for good."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from dbhealth.archive.purge_api import checked_purge, purge_tables, purgeable
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.registry import chosen
from dbhealth.management import arguments
from dbhealth.management.purge_output import PURGE
from dbhealth.management.verb_command import VerbCommand
from dbhealth.runs.circumstances import Circumstances


class Command(VerbCommand):
    """Delete archived rows past their purge_after, for good."""

    help = "Deletes rows that archives have kept past their purge_after. They are gone for ever."
    output = PURGE
    tables = (
        "Only this archive, by the name of its table or its source's, or as app.Model; "
        "may be repeated. Default: every archive with a purge_after."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        keep = "Keep N days from archiving on, whatever the policy says; needs --table."
        arguments.add_days_option(parser, "--older-than-days", keep)
        arguments.add_bounds(parser, does="Delete", each="archive")
        arguments.add_allowances(
            parser,
            share="more than DBHEALTH['PURGE_MAX_SHARE'] of an archive would go",
            emptying="every row of an archive would go",
        )

    def call(self, options: dict[str, Any], circumstances: Circumstances) -> Any:
        """Purge, or show the plan."""
        names, using, dry_run = options["table"], options["database"], options["dry_run"]
        given = arguments.fields_of(PurgeAsked, options)
        older_than = arguments.span(options["older_than_days"])
        asked = checked_purge(PurgeAsked(older_than=older_than, **given), named=bool(names))
        tables = chosen(names, using) if names else purgeable(using)
        return purge_tables(tables, asked, dry_run=dry_run, circumstances=circumstances)
