"""The conflict report: everything that would keep archived rows from coming back as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import DatabaseError, models, transaction

from dbhealth.archive.columns import column, column_of, table_of
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_refusals import row_conflict, table_conflict
from dbhealth.archive.restore_results import ConflictEntry
from dbhealth.backends import Backend
from dbhealth.backends.conflicts import Question
from dbhealth.backends.intake import Intake, Restoration
from dbhealth.backends.limits import survey_limits
from dbhealth.backends.records import Column, ForeignKey, Relation
from dbhealth.backends.selection import Selection
from dbhealth.backends.trouble import Trouble
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found. ``questions`` are those that can be asked again for each batch."""

    conflicts: tuple[ConflictEntry, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...]

    @property
    def is_structural(self) -> bool:
        """Whether no row at all could come back."""
        return any(not entry["skippable"] for entry in self.conflicts)


@dataclass(frozen=True, kw_only=True)
class Two:
    """The two tables as they are, and what the source demands."""

    archive: Archive
    source: Relation
    target: Relation
    intake: Intake

    @property
    def names(self) -> tuple[str, str]:
        """The tables' names."""
        return self.source.name, self.target.name

    @property
    def own(self) -> set[str]:
        """The archive's two columns of its own."""
        options = self.archive.model._archive
        names = (options.archived_at, options.archive_run)
        return {column_of(self.archive.model, name) for name in names}

    @property
    def copied(self) -> tuple[Column, ...]:
        """The columns of the source that come from the archive."""
        return tuple(
            each
            for each in self.source.columns
            if not each.generated and self.target.column(each.name)
        )

    @property
    def lacking(self) -> tuple[Column, ...]:
        """The columns of the source that the archive does not have."""
        return tuple(
            each
            for each in self.source.columns
            if not each.generated and not self.target.column(each.name)
        )


def structural_conflicts(two: Two, rows: int) -> list[ConflictEntry]:
    """Return what keeps every row from coming back."""
    found = [
        table_conflict("column-new", each.name, rows, two.names)
        for each in two.lacking
        if not each.nullable and each.name not in two.intake.filled
    ]
    for each in two.copied:
        other = two.target.column(each.name)
        if other is not None and other.type != each.type:
            subject = _(
                "{column} ({type}, archived as {archived})",
                column=each.name,
                type=each.type,
                archived=other.type,
            )
            found.append(table_conflict("type-differs", subject, rows, two.names))
    return found


def questions(
    two: Two, plan: Restoration, backend: Backend, others: Mapping[str, Selection]
) -> list[Question]:
    """Return what is to be asked of the rows; ``others`` are selections of tables, by the source,
    that come back before this one."""
    ask, intake = backend.restoring, two.intake
    kept = {each.name for each in two.target.columns}
    found = [ask.key_taken(plan)]
    for unique in intake.uniques:
        if any(part.column not in kept for part in unique.parts if part.column is not None):
            continue  # what the archive lacks is filled by the database
        found += [ask.unique_taken(plan, unique), ask.unique_within(plan, unique)]
    for link in intake.references:
        if set(link.columns) <= kept:
            found.append(ask.parent_missing(plan, link, _parents(link, plan, others)))
    known = {each.name for each in two.source.columns} | two.own
    found += [ask.column_gone(plan, name) for name in sorted(kept - known)]
    found += [
        ask.null_in(plan, each.name)
        for each in two.copied
        if not each.nullable and each.name not in plan.selection.key_names
    ]
    found += [ask.generated_differs(plan, each) for each in intake.generated if each.name in kept]
    found += [ask.check_fails(each) for each in intake.checks]
    return found


def _parents(
    link: ForeignKey, plan: Restoration, others: Mapping[str, Selection]
) -> list[Selection]:
    if link.target == plan.table:
        return [plan.selection]
    return [others[link.target]] if link.target in others else []


def loose_links(two: Two) -> list[ForeignKey]:
    """Return the foreign keys that only the models know."""
    held = {(link.columns, link.target) for link in two.intake.references}
    found = []
    for field in two.archive.source._meta.local_concrete_fields:
        if not isinstance(field, models.ForeignKey) or not two.target.column(column(field)):
            continue
        other = field.target_field
        target = table_of(other.model)
        if ((column(field),), target) not in held:
            found.append(
                ForeignKey(
                    table=two.source.name,
                    columns=(column(field),),
                    target=target,
                    target_columns=(column(other),),
                    enforced=False,
                    label=field.name,
                )
            )
    return found


def make_report(
    two: Two, plan: Restoration, backend: Backend, others: Mapping[str, Selection], rows: int
) -> Report:
    """Ask the database everything; changes nothing."""
    if conflicts := structural_conflicts(two, rows):
        return Report(conflicts=tuple(conflicts), questions=(), notes=())
    asked: list[Question] = []
    notes: list[str] = []
    for question in questions(two, plan, backend, others):
        try:
            entry = None if _is_foreign(question, two) else _answer(question, plan, backend, two)
        except DatabaseError as error:
            # What an expression means to the archive shows when it is asked; a lock or a timeout
            # is no matter of the question.
            if question.certain or backend.errors.trouble(error) is not Trouble.OTHER:
                raise
            entry = None
        if entry is None:
            notes.append(
                _(
                    "{subject} ({kind}) could not be looked at beforehand. Where a row violates "
                    "it, its batch is rolled back and the run ends.",
                    subject=question.subject,
                    kind=question.kind,
                )
            )
            continue
        asked.append(question)
        conflicts += entry
    for link in loose_links(two):
        question = backend.restoring.parent_missing(plan, link, _parents(link, plan, others))
        for loose in _answer(question, plan, backend, two):
            notes.append(
                ngettext(
                    "{number:,} row points by {field} at a row of {target} that does not exist; "
                    "no constraint of the database holds it, so it comes back like that.",
                    "{number:,} rows point by {field} at rows of {target} that do not exist; no "
                    "constraint of the database holds them, so they come back like that.",
                    loose["rows"],
                    field=link.label,
                    target=link.target,
                )
            )
    return Report(conflicts=tuple(conflicts), questions=tuple(asked), notes=tuple(notes))


def _is_foreign(question: Question, two: Two) -> bool:
    """Return whether an expression names a column that the archive lacks.

    SQLite would take the quoted name for a text.
    """
    lacking = [each.name for each in two.source.columns if not two.target.column(each.name)]
    asked = " ".join((question.own, *question.extras)).lower()
    return not question.certain and any(name.lower() in asked for name in lacking)


def _answer(
    question: Question, plan: Restoration, backend: Backend, two: Two
) -> list[ConflictEntry]:
    """Return the conflict that a question finds, or none."""
    # A savepoint where a transaction is open: an expression that fails must not end that one.
    with transaction.atomic(using=backend.alias):
        answer = backend.restoring.ask(plan.selection, question, survey_limits())
    if not answer.rows:
        return []
    return [row_conflict(question.kind, question.subject, answer.rows, answer.sample, two.names)]
