"""The plan of one restoration: what a dry run shows is what the run does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from dbhealth.archive import restore_refusals
from dbhealth.archive.others import beside_restoring
from dbhealth.archive.pointing import pointing_refusals
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_conflicts import Report, Two, make_report
from dbhealth.archive.restore_notes import notes_on_restoration
from dbhealth.archive.restore_obstacles import structural_refusals
from dbhealth.archive.restore_results import ConflictEntry
from dbhealth.archive.restore_wanted import Wanted, wanted_selection
from dbhealth.backends import Backend
from dbhealth.backends.conflicts import Question
from dbhealth.backends.intake import Restoration
from dbhealth.backends.limits import batch_limits, survey_limits
from dbhealth.backends.records import Column, Survey
from dbhealth.backends.selection import Key, KeyRange, Selection
from dbhealth.backends.statement import Plan
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """What would come back to one table, how, and what stands in the way.

    ``restoration`` and ``survey`` are None when it could not be looked at, and then there is a
    refusal. ``expected`` are the rows that would come back, ``triggers`` those of the table that an
    insert sets off.
    """

    archive: Archive
    alias: str
    wanted: Wanted
    batch_size: int
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    conflicts: tuple[ConflictEntry, ...] = ()
    questions: tuple[Question, ...] = ()
    restoration: Restoration | None = None
    columns: tuple[tuple[Column, ...], ...] = ()
    triggers: tuple[str, ...] = ()
    survey: Survey | None = None
    expected: int = 0

    @property
    def tables(self) -> tuple[str, str]:
        """The two tables that a batch writes."""
        return self.archive.table, self.archive.archive_table

    @property
    def facts(self) -> dict[str, Any]:
        """Fields of the MaintenanceRun that a new run begins with."""
        return {"rows_expected": self.expected}

    @property
    def skipped(self) -> tuple[Question, ...]:
        """The questions that keep a row in the archive while the others come back."""
        return self.questions if self.wanted.skip_conflicts else ()

    def shown(self, backend: Backend) -> dict[str, Any]:
        """Return everything a dry run shows of one table."""
        survey, rows = self.survey, self.expected
        if self.wanted.max_rows is not None:
            rows = min(rows, self.wanted.max_rows)
        return {
            "rows_chosen": survey.eligible if survey else None,
            "rows_to_restore": rows if survey else None,
            "rows_left_conflicts": survey.eligible - self.expected if survey else None,
            "archived_from": survey.oldest if survey else None,
            "archived_until": survey.newest if survey else None,
            "batch_size": self.batch_size,
            "estimated_batches": ceil(rows / self.batch_size),
            "refusals": [refusal.as_dict() for refusal in self.refusals],
            "notes": list(self.notes),
            **self._statements(backend).as_dict(),
        }

    def _statements(self, backend: Backend) -> Plan:
        title = _(
            "restore {table} from {archive}",
            table=self.archive.table,
            archive=self.archive.archive_table,
        )
        if self.restoration is None or self.survey is None:
            return Plan(title=title, statements=())
        chosen, limits = self.restoration.selection, batch_limits()
        everything = KeyRange(upto=self.survey.last_key)
        statements = [
            backend.restoring.question_statement(chosen, question, survey_limits())
            for question in self.questions
        ]
        statements += [
            backend.rows.next_key_statement(chosen, everything, self.batch_size, survey_limits()),
            backend.session.begin_statement(limits, self.tables, snapshot=True, flush=False),
            *backend.restoring.statements(self.restoration, everything, self.skipped, limits),
        ]
        return Plan(title=title, statements=tuple(statements))


def make_plan(
    archive: Archive,
    backend: Backend,
    wanted: Wanted,
    others: Mapping[str, Selection] | None = None,
) -> RestorePlan:
    """Look at both tables and return the plan; changes nothing.

    ``others`` are the selections of tables, by their names, that come back before this one.
    """
    settings, policy = get_settings(), archive.own_policy
    own = policy.batch_size if policy is not None else None
    plan = RestorePlan(
        archive=archive,
        alias=backend.alias,
        wanted=wanted,
        batch_size=wanted.batch_size or own or settings.archive_batch_size,
        refusals=structural_refusals(archive, backend),
    )
    if plan.refusals:
        return plan
    plan = replace(plan, refusals=beside_restoring(archive, backend))
    return _surveyed(plan, backend, others or {})


def _surveyed(plan: RestorePlan, backend: Backend, others: Mapping[str, Selection]) -> RestorePlan:
    archive = plan.archive
    source = backend.catalog.relation(archive.table)
    target = backend.catalog.relation(archive.archive_table)
    if source is None or target is None:  # dropped since the structure was looked at
        return replace(plan, refusals=structural_refusals(archive, backend))
    intake = backend.restoring.intake(archive.table, batch_limits())
    two = Two(archive=archive, source=source, target=target, intake=intake)
    chosen = wanted_selection(archive, plan.wanted, backend.alias, target)
    survey = backend.rows.survey(chosen, survey_limits())
    restoration = _restoration(two, chosen)
    report = make_report(two, restoration, backend, others, survey.eligible)
    pointing: tuple[Refusal, ...] = ()
    if survey.eligible:
        pointing = pointing_refusals(archive, backend, chosen, survey_limits())
    plan = replace(
        plan,
        refusals=(*plan.refusals, *pointing),
        restoration=restoration,
        columns=(source.columns, target.columns),
        triggers=intake.triggers,
        survey=survey,
        questions=report.questions,
        conflicts=report.conflicts if survey.eligible else (),
        expected=survey.eligible,
    )
    if survey.eligible:
        plan = _judged(plan, report, backend)
    return replace(plan, notes=notes_on_restoration(plan, two, report, backend))


def _restoration(two: Two, chosen: Selection) -> Restoration:
    generated = [each.name for each in two.intake.generated if two.target.column(each.name)]
    copied = [column.name for column in two.copied]
    return Restoration(
        selection=chosen,
        table=two.archive.table,
        columns=tuple(copied),
        # A trigger may change what comes in; without one only generated columns can differ.
        verified=(*generated, *copied) if two.intake.triggers else tuple(generated),
        links=tuple(
            link
            for link in two.intake.references
            if link.target == two.archive.table
            and all(two.target.column(name) for name in (*link.columns, *link.target_columns))
        ),
        always=two.intake.always,
    )


def _judged(plan: RestorePlan, report: Report, backend: Backend) -> RestorePlan:
    """Refuse what is in conflict, or count what comes back without it."""
    if plan.restoration is None or not report.conflicts:
        return plan
    if report.is_structural or not plan.wanted.skip_conflicts:
        found = map(restore_refusals.conflict_refusal, report.conflicts)
        return replace(plan, refusals=(*plan.refusals, *found))
    rows = backend.restoring.restorable(plan.restoration, plan.skipped, survey_limits())
    return replace(plan, expected=rows)


def last_key(plan: RestorePlan) -> Key | None:
    """Return the greatest key of a chosen row."""
    return plan.survey.last_key if plan.survey else None
