"""What people should know of a plan before they run it, sentence by sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models.signals import post_delete, pre_delete

from dbhealth.archive.references import file_columns
from dbhealth.archive.registry import Archive
from dbhealth.backends.records import ForeignKey
from dbhealth.saying import say as _

if TYPE_CHECKING:
    from dbhealth.archive.family import Family
    from dbhealth.archive.plan import ArchivePlan


def notes_on(plan: ArchivePlan, family: Family, *, hides_rows: bool) -> tuple[str, ...]:
    """Return what people should know of a plan."""
    table, survey = plan.archive.table, plan.survey
    notes = []
    if survey and survey.null_timestamps:
        notes.append(
            _(
                "Rows without a timestamp: {null_timestamps:,}. They never age.",
                null_timestamps=survey.null_timestamps,
            )
        )
    if survey and survey.future_timestamps:
        notes.append(
            _(
                "Rows with a timestamp in the future: {future_timestamps:,}.",
                future_timestamps=survey.future_timestamps,
            )
        )
    if plan.held_back:
        notes.append(
            _(
                "Old rows that stay because something that points at them is younger or may not "
                "leave: {held_back:,}.",
                held_back=plan.held_back,
            )
        )
    for archive in family.archives:
        notes += _on_model(archive)
    notes += [_on_rule(link) for link in family.inside if link.rule in _RULES]
    if hides_rows:
        notes.append(
            _(
                "Row level security may hide rows of {table} from this role; those stay.",
                table=table,
            )
        )
    return tuple(notes)


def _on_model(archive: Archive) -> list[str]:
    notes = []
    if columns := file_columns(archive):
        notes.append(
            _(
                "Files named in {columns} of {table} stay in the storage, and the archive keeps "
                "their names. Tell whatever deletes unreferenced files of the archive table.",
                columns=", ".join(columns),
                table=archive.table,
            )
        )
    if pre_delete.has_listeners(archive.source) or post_delete.has_listeners(archive.source):
        notes.append(
            _(
                "Receivers of pre_delete or post_delete of {label} are not called: the rows are "
                "moved by the database.",
                label=archive.label,
            )
        )
    return notes


_RULES = {
    "PROTECT": _("would keep the row it points at from being deleted"),
    "RESTRICT": _("would keep the row it points at from being deleted"),
    "SET_NULL": _("would stay and point at nothing"),
    "SET_DEFAULT": _("would stay and point at another row"),
    "SET": _("would stay and point at another row"),
}
"""What a row does under each on_delete, where that is not to go along as with CASCADE."""


def _on_rule(link: ForeignKey) -> str:
    return _(
        "{label} has on_delete={rule}: a row {does}. As a child of the policy it leaves with that "
        "row.",
        label=link.label,
        rule=link.rule,
        does=_RULES[link.rule],
    )
