"""What people should know of a purge before they run it, sentence by sentence."""

from __future__ import annotations

from django.db.models.signals import post_delete, pre_delete

from dbhealth.archive.references import file_columns
from dbhealth.archive.registry import Archive
from dbhealth.backends.records import Survey
from dbhealth.saying import say as _


def notes_on_purge(archive: Archive, survey: Survey, *, hides_rows: bool) -> tuple[str, ...]:
    """Return what people should know; ``hides_rows`` tells of row level security."""
    model, notes = archive.model, []
    if survey.null_timestamps:
        notes.append(
            _(
                "Rows without archived_at: {null_timestamps:,}. They stay.",
                null_timestamps=survey.null_timestamps,
            )
        )
    if survey.future_timestamps:
        notes.append(
            _(
                "Rows that were archived in the future: {future_timestamps:,}.",
                future_timestamps=survey.future_timestamps,
            )
        )
    if survey.eligible and (columns := file_columns(archive)):
        notes.append(
            _(
                "Files named in {columns} stay in the storage, and nothing will know their names "
                "any more.",
                columns=", ".join(columns),
            )
        )
    if pre_delete.has_listeners(model) or post_delete.has_listeners(model):
        notes.append(
            _(
                "Receivers of pre_delete or post_delete of {label} are not called: the rows are "
                "deleted by the database.",
                label=model._meta.label,
            )
        )
    if hides_rows:
        table = archive.archive_table
        notes.append(
            _(
                "Row level security may hide rows of {table} from this role; those stay.",
                table=table,
            )
        )
    return tuple(notes)
