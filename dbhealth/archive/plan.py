"""The plan of one archive run: what a dry run shows is what the run does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.signals import post_delete, pre_delete

from dbhealth.archive import refusals
from dbhealth.archive.columns import column_of, concrete_field
from dbhealth.archive.obstacles import pointing_refusals, structural_refusals
from dbhealth.archive.references import file_columns, incoming
from dbhealth.archive.registry import Archive
from dbhealth.archive.selection import driver_moment, selection, timestamp_field
from dbhealth.backends import Backend
from dbhealth.backends.records import Column, Survey
from dbhealth.backends.selection import Key, KeyRange, Limits, Selection, Transfer, Way
from dbhealth.backends.statement import Plan
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal
from dbhealth.runs.clock import kept


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the caller wants different from the policy. None: as the policy has it.

    ``max_rows`` bounds each table (rows), ``max_runtime`` everything together (seconds).
    """

    retention: timedelta | None = None
    batch_size: int | None = None
    max_rows: int | None = None
    max_runtime: float | None = None
    allow_emptying: bool = False
    allow_clock_skew: bool = False


@dataclass(frozen=True, kw_only=True)
class ArchivePlan:
    """What would leave one table, how, and what stands in the way.

    ``selection`` and ``survey`` are None when it could not be looked at, and then there is a
    refusal. ``first_end`` is the key that ends a first full batch, known to a dry run only.
    Times are aware, in UTC.
    """

    archive: Archive
    alias: str
    now: datetime
    cutoff: datetime
    retention: timedelta
    batch_size: int
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()
    selection: Selection | None = None
    columns: tuple[Column, ...] = ()
    target_columns: tuple[Column, ...] = ()
    survey: Survey | None = None
    first_end: Key | None = None

    @property
    def eligible(self) -> int:
        """Rows that would leave."""
        return self.survey.eligible if self.survey else 0

    @property
    def expected(self) -> int:
        """Rows that the run would move."""
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
    def tables(self) -> tuple[str, str]:
        """The two tables that a batch writes."""
        return self.archive.table, self.archive.archive_table

    def transfer(self, run: int, archived_at: object) -> Transfer:
        """Return how a row becomes an archive row, for one batch of one run."""
        if self.selection is None:
            raise ValueError("A plan that could not look at its table has no transfer.")
        options = self.archive.model._archive
        return Transfer(
            selection=self.selection,
            target=self.archive.archive_table,
            columns=tuple(column.name for column in self.columns),
            stamps=(
                (column_of(self.archive.model, options.archived_at), archived_at),
                (column_of(self.archive.model, options.archive_run), run),
            ),
        )

    def statements(self, backend: Backend) -> Plan:
        """Return the statements of the run, those of a batch with the keys of the first one."""
        title = f"archive {self.archive.table} into {self.archive.archive_table}"
        if self.selection is None:
            return Plan(title=title, statements=())
        everything = KeyRange(upto=self.last_key)
        first = KeyRange(upto=self.first_end)
        rows, limits = backend.rows, batch_limits()
        stamped = concrete_field(self.archive.model, self.archive.model._archive.archived_at)
        stamp = driver_moment(stamped, self.now, self.alias)
        return Plan(
            title=title,
            statements=(
                *rows.survey_statements(self.selection, survey_limits()),
                rows.next_key_statement(
                    self.selection, everything, self.batch_size, survey_limits()
                ),
                backend.session.begin_statement(limits, self.tables, snapshot=True, flush=False),
                *rows.move_statements(self.transfer(0, stamp), first, limits, Way.SNAPSHOT),
            ),
        )


def batch_limits() -> Limits:
    """Return the timeouts of a batch's statements."""
    settings = get_settings()
    return Limits(lock=settings.lock_timeout, statement=settings.statement_timeout)


def survey_limits() -> Limits:
    """Return the timeouts of the counting before a run."""
    settings = get_settings()
    return Limits(lock=settings.lock_timeout, statement=settings.survey_timeout)


def make_plan(
    archive: Archive,
    backend: Backend,
    asked: Asked,
    *,
    cutoff: datetime | None = None,
    full: bool = False,
) -> ArchivePlan:
    """Look at the table and return the plan; changes nothing.

    ``cutoff`` is that of a run which is carried on with; else it is taken from the database's
    clock. ``full`` reads the whole table once, to count NULL and future timestamps as well.
    """
    policy = archive.policy
    retention = asked.retention if asked.retention is not None else policy.retention
    now = backend.session.now()
    size = asked.batch_size or policy.batch_size or get_settings().archive_batch_size
    bare = ArchivePlan(
        archive=archive,
        alias=backend.alias,
        now=now,
        cutoff=cutoff if cutoff is not None else now - retention,
        retention=retention,
        batch_size=size,
        refusals=structural_refusals(archive, backend),
    )
    if retention <= timedelta(0):
        bare = _refused(bare, refusals.retention(archive.table, retention))
    if not asked.allow_clock_skew and abs(skew := _skew(now)) > get_settings().clock_skew:
        bare = _refused(bare, refusals.clock_skew(backend.alias, abs(skew)))
    return bare if bare.refusals else _surveyed(bare, backend, asked, full=full)


def _refused(plan: ArchivePlan, *more: Refusal) -> ArchivePlan:
    return replace(plan, refusals=(*plan.refusals, *more))


def _skew(now: datetime) -> float:
    return (now - datetime.now(tz=UTC)).total_seconds()


def _surveyed(plan: ArchivePlan, backend: Backend, asked: Asked, *, full: bool) -> ArchivePlan:
    archive, limits = plan.archive, survey_limits()
    relation = backend.catalog.relation(archive.table)
    if relation is None:  # dropped since the structure was looked at
        return _refused(plan, refusals.source_missing(archive.table, backend.alias))
    links = incoming(archive, backend)
    chosen = selection(
        archive,
        plan.cutoff,
        backend.alias,
        relation,
        families=tuple(link for link in links if link.table == archive.table),
    )
    if full:
        stamp = driver_moment(timestamp_field(archive), plan.now, backend.alias)
        survey = backend.rows.full_survey(chosen, stamp, limits)
    else:
        survey = backend.rows.survey(chosen, limits)
    plan = replace(
        plan,
        selection=chosen,
        columns=relation.columns,
        target_columns=backend.catalog.columns(archive.archive_table),
        survey=survey,
    )
    if survey.eligible:
        if full:
            everything = KeyRange(upto=plan.last_key)
            first = backend.rows.next_key(chosen, everything, plan.batch_size, limits)
            plan = replace(plan, first_end=first)
        found = pointing_refusals(archive, backend, chosen, links, limits)
        if not asked.allow_emptying and not backend.rows.keeps_a_row(chosen, limits):
            found += (refusals.emptying(archive.table, survey.eligible, plan.cutoff),)
        plan = _refused(plan, *found)
    return replace(plan, notes=_notes(plan, hides_rows=relation.hides_rows))


def _notes(plan: ArchivePlan, *, hides_rows: bool) -> tuple[str, ...]:
    table, survey = plan.archive.table, plan.survey
    notes = []
    if survey and survey.null_timestamps:
        notes.append(f"Rows without a timestamp: {survey.null_timestamps:,}. They never age.")
    if survey and survey.future_timestamps:
        notes.append(f"Rows with a timestamp in the future: {survey.future_timestamps:,}.")
    if columns := file_columns(plan.archive):
        notes.append(
            f"Files named in {', '.join(columns)} stay in the storage, and the archive keeps their "
            "names. Tell whatever deletes unreferenced files of the archive table."
        )
    if pre_delete.has_listeners(plan.archive.source) or post_delete.has_listeners(
        plan.archive.source
    ):
        notes.append(
            f"Receivers of pre_delete or post_delete of {plan.archive.label} are not called: the "
            "rows are moved by the database."
        )
    if hides_rows:
        notes.append(f"Row level security may hide rows of {table} from this role; those stay.")
    return tuple(notes)
