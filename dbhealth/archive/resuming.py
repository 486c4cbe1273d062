"""What carrying on with a named run needs, whatever its verb: its archive, and its own bounds."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

from dbhealth.archive.registry import Archive, archives
from dbhealth.exceptions import IllegalMove
from dbhealth.runs.busy import command
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.saying import say as _


def terms_of(run: MaintenanceRun) -> dict[str, Any]:
    """Return what the rows of the run were chosen by."""
    terms: dict[str, Any] = run.options.get("terms", {})
    return terms


def declared(run: MaintenanceRun, *, table: str | None, archive_table: str | None) -> Archive:
    """Return the archive that the run works on.

    Raises IllegalMove when it is not declared any more.
    """
    for archive in archives():
        if (archive.table, archive.archive_table) == (table, archive_table):
            return archive
    raise IllegalMove(
        _(
            "Run {pk} stays as it is. No archive model of {table} has the table {archive_table} "
            "any more. {cancel} gives it up.",
            pk=run.pk,
            table=table,
            archive_table=archive_table,
            cancel=command("cancel", run.pk, run.database),
        )
    )


def options_left(run: MaintenanceRun, kind: Any) -> dict[str, Any]:
    """Return the options of the run that the dataclass ``kind`` has a field for.

    ``max_rows`` bounds the whole run; it is what is left of it for this process.
    """
    known = {field.name for field in fields(kind)}
    options = {name: value for name, value in run.options.items() if name in known}
    if options.get("max_rows") is not None:
        options["max_rows"] = max(0, options["max_rows"] - run.rows_done)
    return options


def other_span(run: MaintenanceRun) -> str:
    """Return the option by which a run keeps rows for another time than the policy says.

    Empty where it goes by the policy, or by that of an archive that nobody declares any more.
    """
    terms = terms_of(run)
    tables: tuple[Any, Any]
    if run.operation == Operation.ARCHIVE:
        tables, seconds = (run.target, terms.get("archive")), terms.get("retention_seconds")
    else:
        tables, seconds = (terms.get("source"), run.target), terms.get("keeps_seconds")
    for archive in archives():
        if seconds is None or (archive.table, archive.archive_table) != tables:
            continue
        if run.operation == Operation.ARCHIVE:
            own, option = archive.policy.retention, "--retention-days"
        else:
            own, option = archive.policy.purge_after, "--older-than-days"
        return "" if own == timedelta(seconds=seconds) else option
    return ""
