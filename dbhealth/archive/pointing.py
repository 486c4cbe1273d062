"""Foreign keys to an archive table: its own references have no constraint, somebody made these."""

from __future__ import annotations

from dbhealth.archive import refusals
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.backends.selection import Limits, Selection
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


def pointing_refusals(
    archive: Archive, backend: Backend, selection: Selection, limits: Limits
) -> tuple[Refusal, ...]:
    """Return a refusal for every foreign key that keeps the rows of ``selection`` in the archive,
    or would do something to others when they leave it.
    """
    table, found = archive.archive_table, []
    for link in backend.catalog.referencing(table):
        if link.on_delete:
            found.append(refusals.acting(table, link.label, link.on_delete))
        elif link.enforced and (rows := backend.rows.pointing_rows(selection, link, limits)):
            found.append(_referenced(table, link.label, rows))
    return tuple(found)


def _referenced(table: str, pointing: str, rows: int) -> Refusal:
    return Refusal(
        code="archive-referenced",
        what=ngettext(
            "{number:,} row of {pointing} points at rows of {table} that would leave it.",
            "{number:,} rows of {pointing} point at rows of {table} that would leave it.",
            rows,
            pointing=pointing,
            table=table,
        ),
        why=_("The database enforces this foreign key and would refuse the batch."),
        instead=_("Delete or change those rows first, or take the constraint away."),
    )
