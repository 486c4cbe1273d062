"""The plan of one archive run: what a dry run shows is what the run does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dbhealth.archive import refusals
from dbhealth.archive.family import Family, Part
from dbhealth.archive.notes import notes_on
from dbhealth.archive.obstacles import Structure, pointing_refusals, structure_of
from dbhealth.archive.others import beside_archiving
from dbhealth.archive.registry import Archive
from dbhealth.archive.selection import (
    bare_condition,
    driver_moment,
    selection,
    timestamp_field,
)
from dbhealth.backends import Backend
from dbhealth.backends.limits import batch_limits, survey_limits
from dbhealth.backends.records import Column, Relation, Survey
from dbhealth.backends.selection import Key, KeyRange, Limits, Selection, Transfer, Way
from dbhealth.backends.statement import Plan
from dbhealth.clock import kept
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _


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
    refusal. ``parts`` are the tables of the family, the archive's own first, and ``sizes`` the
    rows that would leave each. Known to a dry run only: ``first_end``, the key that ends a first
    full batch, and ``held_back``, the old rows that something below them keeps. Times are aware,
    in UTC.
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
    parts: tuple[Part, ...] = ()
    survey: Survey | None = None
    sizes: tuple[int, ...] = ()
    held_back: int | None = None
    first_end: Key | None = None

    @property
    def eligible(self) -> int:
        """Rows of the table itself that would leave."""
        return self.survey.eligible if self.survey else 0

    @property
    def expected(self) -> int:
        """Rows that the run would move, families and all."""
        return max(self.eligible, sum(self.sizes))

    @property
    def facts(self) -> dict[str, Any]:
        """Fields of the MaintenanceRun that a new run begins with."""
        return {"cutoff": kept(self.cutoff), "rows_expected": self.expected}

    @property
    def last_key(self) -> Key | None:
        """The greatest key of an eligible row."""
        return self.survey.last_key if self.survey else None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that a batch writes."""
        return tuple(
            table
            for part in self.parts
            for table in (part.archive.table, part.archive.archive_table)
        )

    @property
    def columns(self) -> tuple[tuple[Column, ...], ...]:
        """The columns of :attr:`tables`, each as the plan knows them."""
        return tuple(
            columns for part in self.parts for columns in (part.columns, part.target_columns)
        )

    def transfer(self, run: int, moment: datetime) -> Transfer:
        """Return how rows become archive rows, for one batch of one run at one moment (aware)."""
        if self.selection is None:
            raise ValueError("A plan that could not look at its table has no transfer.")
        return Transfer(
            selection=self.selection,
            copies=tuple(part.copy(run, moment, self.alias) for part in self.parts),
        )

    def statements(self, backend: Backend) -> Plan:
        """Return the statements of the run, those of a batch with the keys of the first one."""
        title = _(
            "archive {table} into {archive}",
            table=self.archive.table,
            archive=self.archive.archive_table,
        )
        if self.selection is None:
            return Plan(title=title, statements=())
        everything = KeyRange(upto=self.last_key)
        first = KeyRange(upto=self.first_end)
        rows, limits = backend.rows, batch_limits()
        return Plan(
            title=title,
            statements=(
                *rows.survey_statements(self.selection, survey_limits()),
                rows.next_key_statement(
                    self.selection, everything, self.batch_size, survey_limits()
                ),
                backend.session.begin_statement(limits, self.tables, snapshot=True, flush=False),
                *rows.move_statements(self.transfer(0, self.now), first, limits, Way.SNAPSHOT),
            ),
        )


def make_plan(
    archive: Archive,
    backend: Backend,
    asked: Asked,
    *,
    cutoff: datetime | None = None,
    structure: Structure | None = None,
    full: bool = False,
) -> ArchivePlan:
    """Look at the table and return the plan; changes nothing.

    ``cutoff`` is that of a run which is carried on with; else it is taken from the database's
    clock. ``structure`` is what the caller has seen of the tables just now. ``full`` reads the
    whole table once, to count NULL and future timestamps as well.
    """
    policy = archive.policy
    retention = asked.retention if asked.retention is not None else archive.retention
    now = backend.session.now()
    structure = structure or structure_of(archive, backend)
    size = asked.batch_size or policy.batch_size or get_settings().archive_batch_size
    bare = ArchivePlan(
        archive=archive,
        alias=backend.alias,
        now=now,
        cutoff=cutoff if cutoff is not None else now - retention,
        retention=retention,
        batch_size=size,
        refusals=structure.refusals,
    )
    if retention <= timedelta(0):
        bare = _refused(bare, refusals.retention(archive.table, retention))
    if not asked.allow_clock_skew and abs(skew := _skew(now)) > get_settings().clock_skew:
        bare = _refused(bare, refusals.clock_skew(backend.alias, abs(skew)))
    if bare.refusals or structure.family is None:
        return bare
    bare = _refused(bare, *beside_archiving(archive, backend))
    return _surveyed(bare, backend, asked, structure.family, structure.relations, full=full)


def _refused(plan: ArchivePlan, *more: Refusal) -> ArchivePlan:
    return replace(plan, refusals=(*plan.refusals, *more))


def _skew(now: datetime) -> float:
    return (now - datetime.now(tz=UTC)).total_seconds()


def _surveyed(
    plan: ArchivePlan,
    backend: Backend,
    asked: Asked,
    family: Family,
    relations: Mapping[str, Relation],
    *,
    full: bool,
) -> ArchivePlan:
    archive, limits = plan.archive, survey_limits()
    relation = relations[archive.table]
    chosen = selection(archive, plan.cutoff, backend, relation, family)
    if full:
        stamp = driver_moment(timestamp_field(archive), plan.now, backend.alias)
        survey = backend.rows.full_survey(chosen, stamp, limits)
    else:
        survey = backend.rows.survey(chosen, limits)
    plan = replace(plan, selection=chosen, parts=_parts(family, relations), survey=survey)
    if survey.eligible:
        if chosen.is_family:
            plan = replace(plan, sizes=backend.rows.sizes(chosen, KeyRange(), limits))
        if full:
            everything = KeyRange(upto=plan.last_key)
            first = backend.rows.next_key(chosen, everything, plan.batch_size, limits)
            plan = replace(plan, first_end=first)
        found = pointing_refusals(family, backend, chosen, limits)
        if not asked.allow_emptying and not backend.rows.keeps_a_row(chosen, limits):
            found += (refusals.emptying(archive.table, survey.eligible, plan.cutoff),)
        plan = _refused(plan, *found)
    if full and chosen.is_family:
        plan = replace(plan, held_back=_held_back(plan, backend, chosen, limits))
    return replace(plan, notes=notes_on(plan, family, hides_rows=relation.hides_rows))


def _parts(family: Family, relations: Mapping[str, Relation]) -> tuple[Part, ...]:
    # The columns that were found to fit. The first batch compares them with what is there then.
    return tuple(
        Part(
            archive=archive,
            columns=relations[archive.table].columns,
            target_columns=relations[archive.archive_table].columns,
        )
        for archive in family.archives
    )


def _held_back(plan: ArchivePlan, backend: Backend, chosen: Selection, limits: Limits) -> int:
    where = bare_condition(plan.archive, plan.cutoff, plan.alias)
    alone = replace(chosen, where=where, links=(), members=())
    return backend.rows.survey(alone, limits).eligible - plan.eligible
