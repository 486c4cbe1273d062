"""What people should know of a restoration before they run it, sentence by sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.signals import post_save, pre_save

from dbhealth.archive.restore_wanted import compiled, condition
from dbhealth.archive.selection import field_moment, timestamp_field
from dbhealth.backends import Backend
from dbhealth.backends.limits import survey_limits
from dbhealth.backends.selection import KeyRange
from dbhealth.saying import say as _

if TYPE_CHECKING:
    from dbhealth.archive.restore_conflicts import Report, Two
    from dbhealth.archive.restore_plan import RestorePlan


def notes_on_restoration(
    plan: RestorePlan, two: Two, report: Report, backend: Backend
) -> tuple[str, ...]:
    """Return what people should know of a plan, and of the two tables that it is about."""
    notes, table = [], plan.archive.table
    if rows := _still_old(plan, backend):
        notes.append(
            _(
                "{rows:,} of these rows are past the retention of {table}: the next archive run "
                "takes them away again, unless the policy or the rows are changed before.",
                rows=rows,
                table=table,
            )
        )
    if two.lacking:
        notes.append(
            _(
                "The archive does not have {columns}: the database fills in its defaults.",
                columns=", ".join(column.name for column in two.lacking),
            )
        )
    if two.intake.triggers:
        notes.append(
            _(
                "Triggers of {table} fire for every row that comes back: {triggers}. A row that "
                "one of them changes on its way in ends the run, and its batch is rolled back.",
                table=table,
                triggers=", ".join(two.intake.triggers),
            )
        )
    if any(signal.has_listeners(plan.archive.source) for signal in (pre_save, post_save)):
        notes.append(
            _(
                "Receivers of pre_save or post_save of {label} are not called: the rows are moved "
                "by the database.",
                label=plan.archive.label,
            )
        )
    if two.source.hides_rows or two.target.hides_rows:
        notes.append(
            _("Row level security may hide rows from this role; those stay where they are.")
        )
    return (*notes, *report.notes)


def _still_old(plan: RestorePlan, backend: Backend) -> int:
    """Return how many of the chosen rows the policy would archive at once."""
    policy = plan.archive.own_policy
    retention = None if policy is None else policy.retention
    if policy is None or retention is None or not plan.survey or not plan.survey.eligible:
        return 0
    field = timestamp_field(plan.archive)
    cutoff = field_moment(field, backend.session.now() - retention)
    old = condition(plan.archive, plan.wanted) & Q(**{f"{field.name}__lt": cutoff})
    if policy.where is not None:
        old &= policy.where
    if plan.restoration is None:
        return 0
    chosen = replace(plan.restoration.selection, where=compiled(plan.archive, old, backend.alias))
    return backend.rows.remaining(chosen, KeyRange(), survey_limits())
