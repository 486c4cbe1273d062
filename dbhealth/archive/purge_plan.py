"""The plan of one purge: what a dry run shows is what the run does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dbhealth.archive import purge_refusals, refusals
from dbhealth.archive.columns import column_of, concrete_field
from dbhealth.archive.others import beside_purging
from dbhealth.archive.pointing import pointing_refusals
from dbhealth.archive.purge_notes import notes_on_purge
from dbhealth.archive.purge_obstacles import (
    size_refusals,
    structural_refusals,
)
from dbhealth.archive.purge_selection import purge_selection
from dbhealth.archive.registry import Archive
from dbhealth.archive.selection import driver_moment
from dbhealth.backends import Backend
from dbhealth.backends.limits import batch_limits, survey_limits
from dbhealth.backends.records import Column, Survey
from dbhealth.backends.selection import Key, KeyRange, Selection
from dbhealth.backends.statement import Plan
from dbhealth.clock import kept
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal, Refused
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class PurgeAsked:
    """What the caller wants different from the policy. None: as the policy has it.

    ``max_rows`` bounds each table (rows), ``max_runtime`` everything together (seconds).
    """

    older_than: timedelta | None = None
    batch_size: int | None = None
    max_rows: int | None = None
    max_runtime: float | None = None
    allow_emptying: bool = False
    allow_share: bool = False
    allow_clock_skew: bool = False


@dataclass(frozen=True, kw_only=True)
class PurgePlan:
    """What would be deleted from one archive, how, and what stands in the way.

    ``keeps`` is how long rows stay, None where nothing says it. ``selection`` and ``survey`` are
    None when the table could not be looked at, and then there is a refusal. ``total`` counts all
    rows of the archive. Known to a dry run only: ``span``, the oldest and newest timestamp that
    the rows had in their source, ``runs``, the rows by the run that archived them, and
    ``first_end``, the key that ends a first full batch. Times are aware, in UTC.
    """

    archive: Archive
    alias: str
    now: datetime
    cutoff: datetime
    keeps: timedelta | None
    batch_size: int
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()
    selection: Selection | None = None
    columns: tuple[Column, ...] = ()
    survey: Survey | None = None
    total: int | None = None
    span: tuple[str | None, str | None] = (None, None)
    runs: dict[str, int] = field(default_factory=dict)
    first_end: Key | None = None

    @property
    def eligible(self) -> int:
        """Rows that would be deleted."""
        return self.survey.eligible if self.survey else 0

    @property
    def expected(self) -> int:
        """Rows that the run would delete."""
        return self.eligible

    @property
    def facts(self) -> dict[str, Any]:
        """Fields of the MaintenanceRun that a new run begins with."""
        return {"cutoff": kept(self.cutoff), "rows_expected": self.eligible}

    @property
    def last_key(self) -> Key | None:
        """The greatest key of an eligible row."""
        return self.survey.last_key if self.survey else None

    @property
    def table(self) -> str:
        """The table that loses rows: the archive's."""
        return self.archive.archive_table

    @property
    def run_column(self) -> str:
        """The column that tells which run has archived a row."""
        return column_of(self.archive.model, self.archive.model._archive.archive_run)

    def statements(self, backend: Backend) -> Plan:
        """Return the statements of the run, those of a batch with the keys of the first one."""
        title = _("purge {table}", table=self.table)
        if self.selection is None:
            return Plan(title=title, statements=())
        everything, first = KeyRange(upto=self.last_key), KeyRange(upto=self.first_end)
        limits, counting = batch_limits(), survey_limits()
        return Plan(
            title=title,
            statements=(
                *backend.rows.survey_statements(self.selection, counting),
                backend.rows.next_key_statement(
                    self.selection, everything, self.batch_size, counting
                ),
                backend.session.begin_statement(limits, (self.table,), snapshot=True, flush=False),
                *backend.purging.delete_statements(self.selection, self.run_column, first, limits),
            ),
        )


def keeps(archive: Archive, asked: PurgeAsked) -> timedelta | None:
    """Return how long rows of the archive stay: what the caller says, or else the policy."""
    policy = archive.model._archive.policy
    if asked.older_than is not None:
        return asked.older_than
    return None if policy is None else policy.purge_after


def make_purge_plan(
    archive: Archive,
    backend: Backend,
    asked: PurgeAsked,
    *,
    cutoff: datetime | None = None,
    full: bool = False,
) -> PurgePlan:
    """Look at the archive and return the plan; changes nothing.

    ``cutoff`` is that of a run which is carried on with; else it is taken from the database's
    clock. ``full`` also counts what a dry run shows.
    """
    policy, stays = archive.model._archive.policy, keeps(archive, asked)
    now = backend.session.now()
    size = asked.batch_size or (policy and policy.batch_size) or get_settings().archive_batch_size
    plan = PurgePlan(
        archive=archive,
        alias=backend.alias,
        now=now,
        cutoff=cutoff if cutoff is not None else now - (stays or timedelta(0)),
        keeps=stays,
        batch_size=size,
        refusals=structural_refusals(archive, backend, stays),
    )
    if stays is not None and stays <= timedelta(0):
        plan = _refused(plan, purge_refusals.too_young(plan.table, stays))
    skew = abs((now - datetime.now(tz=UTC)).total_seconds())
    if not asked.allow_clock_skew and skew > get_settings().clock_skew:
        plan = _refused(plan, refusals.clock_skew(backend.alias, skew))
    if plan.refusals:
        return plan
    return _surveyed(_refused(plan, *beside_purging(archive, backend)), backend, asked, full=full)


def _refused(plan: PurgePlan, *more: Refusal) -> PurgePlan:
    return replace(plan, refusals=(*plan.refusals, *more))


def _surveyed(plan: PurgePlan, backend: Backend, asked: PurgeAsked, *, full: bool) -> PurgePlan:
    archive, limits = plan.archive, survey_limits()
    relation = backend.catalog.relation(plan.table)
    if relation is None:  # dropped since the structure was looked at
        app = archive.model._meta.app_label
        return _refused(plan, purge_refusals.nothing_there(plan.table, app, plan.alias))
    chosen = purge_selection(archive, plan.cutoff, plan.alias, relation)
    survey, total = _counted(plan, backend, chosen, full=full)
    plan = replace(
        plan, selection=chosen, columns=relation.columns, survey=survey, total=total,
        notes=notes_on_purge(archive, survey, hides_rows=relation.hides_rows),
    )  # fmt: skip
    if not survey.eligible:
        return plan
    if full:
        plan = _detailed(plan, backend, chosen)
    return _refused(
        plan,
        *pointing_refusals(archive, backend, chosen, limits),
        *size_refusals(
            plan.table, survey.eligible, total, plan.cutoff,
            allow_share=asked.allow_share, allow_emptying=asked.allow_emptying,
        ),
    )  # fmt: skip


def _counted(
    plan: PurgePlan, backend: Backend, chosen: Selection, *, full: bool
) -> tuple[Survey, int]:
    """Return the eligible rows, and how many rows there are in all."""
    limits = survey_limits()
    if full:
        stamp = concrete_field(plan.archive.model, plan.archive.model._archive.archived_at)
        now = driver_moment(stamp, plan.now, plan.alias)
        survey = backend.rows.full_survey(chosen, now, limits)
        return survey, survey.rows or 0
    survey = backend.rows.survey(chosen, limits)
    return survey, backend.rows.count(plan.table, limits)


def _detailed(plan: PurgePlan, backend: Backend, chosen: Selection) -> PurgePlan:
    limits, everything = survey_limits(), KeyRange(upto=plan.last_key)
    policy = plan.archive.model._archive.policy
    if policy is not None:
        aged = column_of(plan.archive.source, policy.timestamp_field)
        plan = replace(plan, span=backend.purging.span(chosen, aged, limits))
    return replace(
        plan,
        runs=backend.purging.runs(chosen, plan.run_column, everything, limits),
        first_end=backend.rows.next_key(chosen, everything, plan.batch_size, limits),
    )


def purgeable_rows(archive: Archive, backend: Backend) -> int | None:
    """Return how many rows are past the archive's purge_after, None where there is no such time.

    Raises Refused where the archive table cannot be looked at.
    """
    stays = keeps(archive, PurgeAsked())
    if stays is None:
        return None
    if found := structural_refusals(archive, backend, stays):
        raise Refused(found)
    relation = backend.catalog.relation(archive.archive_table)
    if relation is None:
        return None
    chosen = purge_selection(archive, backend.session.now() - stays, backend.alias, relation)
    return backend.rows.remaining(chosen, KeyRange(), survey_limits())
