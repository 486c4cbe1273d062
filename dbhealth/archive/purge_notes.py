"""What people should know of a purge before they run it, sentence by sentence."""

from __future__ import annotations

from django.db.models.signals import post_delete, pre_delete

from dbhealth.archive.references import file_columns
from dbhealth.archive.registry import Archive
from dbhealth.backends.records import Survey


def notes_on_purge(archive: Archive, survey: Survey, *, hides_rows: bool) -> tuple[str, ...]:
    """Return what people should know; ``hides_rows`` tells of row level security."""
    model, notes = archive.model, []
    if survey.null_timestamps:
        notes.append(f"Rows without archived_at: {survey.null_timestamps:,}. They stay.")
    if survey.future_timestamps:
        notes.append(f"Rows that were archived in the future: {survey.future_timestamps:,}.")
    if survey.eligible and (columns := file_columns(archive)):
        notes.append(
            f"Files named in {', '.join(columns)} stay in the storage, and nothing will know their "
            "names any more."
        )
    if pre_delete.has_listeners(model) or post_delete.has_listeners(model):
        notes.append(
            f"Receivers of pre_delete or post_delete of {model._meta.label} are not called: the "
            "rows are deleted by the database."
        )
    if hides_rows:
        table = archive.archive_table
        notes.append(f"Row level security may hide rows of {table} from this role; those stay.")
    return tuple(notes)
