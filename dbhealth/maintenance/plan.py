"""What a vacuum would do: the neediest table first, each step with its statement and its lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dbhealth.backends import Backend
from dbhealth.backends.condition import TableCondition
from dbhealth.backends.index_records import Holds, Index
from dbhealth.backends.steps import WHOLE, Deed, Step
from dbhealth.backends.upkeep import Room, Vacuum
from dbhealth.exceptions import Refusal, Refused, UsageError
from dbhealth.maintenance import refusals
from dbhealth.maintenance.need import Need, in_order
from dbhealth.runs.step_refusals import ensure_session, no_room
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody wants: which ``tables`` (None: all), and what is to be done to them.

    ``reindex`` rebuilds indexes after the VACUUM, ``reindex_only`` does nothing else; ``indexes``
    are the names of those to rebuild (None: all of the tables).
    ``min_dead_ratio`` leaves out tables with a smaller part of dead rows (0 to 1).
    """

    tables: tuple[str, ...] | None = None
    indexes: tuple[str, ...] | None = None
    analyze_only: bool = False
    freeze: bool = False
    full: bool = False
    reindex: bool = False
    reindex_only: bool = False
    min_dead_ratio: float | None = None

    @property
    def how(self) -> Vacuum:
        """The options of VACUUM."""
        return Vacuum(analyze=True, freeze=self.freeze, full=self.full)

    @property
    def rebuilds(self) -> bool:
        """Whether indexes are built anew by themselves."""
        return self.reindex or self.reindex_only


def checked(asked: Asked) -> Asked:
    """Return what was asked. Raises UsageError where two things do not go together."""
    if asked.analyze_only:
        _ensure_alone(asked, "--analyze-only vacuums and rebuilds nothing", "reindex_only")
    if asked.reindex_only:
        _ensure_alone(asked, "--reindex-only vacuums and analyzes nothing")
    if asked.indexes is not None and not asked.rebuilds:
        raise UsageError("Indexes are named where they are rebuilt: reindex or reindex_only.")
    if asked.full and asked.reindex:
        raise UsageError("--full builds the indexes of a table anew by itself: no --reindex.")
    if asked.min_dead_ratio is not None and not 0 <= asked.min_dead_ratio <= 1:
        raise UsageError("--min-dead-ratio is a part of all rows: a number from 0 to 1.")
    return asked


def _ensure_alone(asked: Asked, why: str, *others: str) -> None:
    """Raise UsageError where something is asked that goes beyond the one thing wanted only."""
    names = ("freeze", "full", "reindex", "min_dead_ratio", *others)
    if given := [name for name in names if getattr(asked, name)]:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{why}: no {told}.")


@dataclass(kw_only=True)
class VacuumPlan:
    """Steps in their order, and why they are in that order.

    ``below`` are tables with too few dead rows, ``rooms`` the free disk that it takes.
    """

    steps: tuple[Step, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    needs: tuple[Need, ...] = ()
    below: tuple[str, ...] = ()
    rooms: tuple[Room, ...] = ()
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for JSON."""
        return {
            "statements": [told for step in self.steps for told in step.as_dicts()],
            "tables": [need.as_dict() for need in self.needs],
            "below_ratio": list(self.below),
            "room": [asdict(room) for room in self.rooms],
        }

    @property
    def order(self) -> list[list[str]]:
        """The steps by their keys."""
        return [step.key for step in self.steps]


def make_plan(backend: Backend, asked: Asked) -> VacuumPlan:
    """Look at the database and return the plan; change nothing. Raises Refused."""
    if asked.freeze and not backend.features.freezes_rows:
        raise Refused([refusals.no_freezing(backend.alias, backend.features.name)])
    plan = VacuumPlan()
    _Planning(backend, asked, plan).work()
    ensure_session(backend, plan.steps)
    return plan


class _Planning:
    """Fills a plan."""

    def __init__(self, backend: Backend, asked: Asked, plan: VacuumPlan) -> None:
        self._backend, self._asked, self._plan = backend, asked, plan
        self._refused: list[Refusal] = []

    def work(self) -> None:
        plan, asked = self._plan, self._asked
        plan.needs = in_order(self._wanted(), analyze_only=asked.analyze_only)
        if self._backend.features.vacuums_tables:
            plan.steps = tuple(self._each_table())
        else:
            plan.steps = tuple(self._whole_file())
        plan.refusals = tuple(self._refused)

    def _wanted(self) -> list[TableCondition]:
        """Return the tables to see to; say which others there are."""
        named = self._asked.tables
        sizes = self._backend.features.vacuums_tables  # where it is the file that has one
        found = list(self._backend.conditions.report(sizes=sizes).tables)
        if named is not None:
            there = {facts.table.lower() for facts in found}
            missing = [name for name in named if name.lower() not in there]
            self._refused += map(refusals.table_missing, missing)
            found = list(_with_partitions(found, named))
        forbidden = self._backend.upkeep.forbidden()
        foreign = [facts.table for facts in found if facts.table in forbidden]
        if named is not None:
            self._refused += map(refusals.not_allowed, foreign)
        elif foreign:
            self._plan.notes.append(_("left to their owners: {tables}", tables=", ".join(foreign)))
        allowed = [facts for facts in found if facts.table not in forbidden]
        return [facts for facts in allowed if self._is_worth_it(facts)]

    def _is_worth_it(self, facts: TableCondition) -> bool:
        least, share = self._asked.min_dead_ratio, facts.dead_share
        if least is None or share is None or share >= least:
            return True
        self._plan.below = (*self._plan.below, facts.table)
        return False

    def _each_table(self) -> Iterator[Step]:
        upkeep, asked, needs = self._backend.upkeep, self._asked, self._plan.needs
        indexes = self._indexes([need.table for need in needs])
        sizes = {need.table: need.facts.total_bytes or 0 for need in needs if not need.is_parent}
        self._plan.rooms = upkeep.room(sizes, asked.how)
        for need in needs:
            if not asked.reindex_only:
                if asked.analyze_only or need.is_parent:
                    yield self._analyze(need.table)
                else:
                    yield from upkeep.vacuum([need.table], asked.how)
            yield from indexes[need.table]

    def _whole_file(self) -> Iterator[Step]:
        upkeep, asked = self._backend.upkeep, self._asked
        tables = [need.table for need in self._plan.needs]
        if asked.reindex_only:
            for rebuilds in self._indexes(tables).values():
                yield from rebuilds
            return
        if asked.analyze_only:
            yield from map(self._analyze, tables)
        elif tables:
            yield from self._rewritten(tables)
        yield from upkeep.after()

    def _rewritten(self, tables: list[str]) -> Iterator[Step]:
        upkeep, asked, plan = self._backend.upkeep, self._asked, self._plan
        yield from upkeep.before()
        for rebuilds in self._indexes(tables).values():
            yield from rebuilds
        if asked.min_dead_ratio is not None and self._free_share() < asked.min_dead_ratio:
            plan.below = (WHOLE,)
            return
        if asked.tables is not None:
            plan.notes.append(
                _(
                    "{name} vacuums the whole file; only the statistics and the indexes are those "
                    "of single tables.",
                    name=self._backend.features.name,
                )
            )
        plan.rooms = upkeep.room(dict.fromkeys(tables, 0), asked.how)
        steps = upkeep.vacuum(tables, asked.how)
        if short := [room for room in plan.rooms if room.is_short]:
            self._refused.append(no_room(short))
            steps = tuple(step for step in steps if step.deed is not Deed.VACUUM)
        yield from steps

    def _free_share(self) -> float:
        facts = self._backend.file.facts()
        return facts.free_pages / facts.pages if facts.pages else 0.0

    def _analyze(self, table: str) -> Step:
        statements = (self._backend.upkeep.analyze(table),)
        return Step(deed=Deed.ANALYZE, table=table, statements=statements)

    def _indexes(self, tables: list[str]) -> defaultdict[str, list[Step]]:
        """Return what rebuilds the indexes of each table, where that is wanted."""
        found: defaultdict[str, list[Step]] = defaultdict(list)
        if not self._asked.rebuilds or not tables:
            return found
        known = self._backend.indexes.catalogue(tables)
        self._refused += map(refusals.table_left_out, known.left_out)
        for index in self._rebuildable(self._named(known.indexes)):
            statement = self._backend.ddl.rebuild(index.table, index.name)
            step = Step(
                deed=Deed.REBUILD, table=index.table, index=index.name, statements=(statement,)
            )
            found[index.table].append(step)
        return found

    def _named(self, indexes: Sequence[Index]) -> list[Index]:
        """Return the indexes that are asked for; those that are not there are refused."""
        names = self._asked.indexes
        if names is None:
            return list(indexes)
        there = {index.name for index in indexes}
        self._refused += [refusals.index_missing(name) for name in names if name not in there]
        return [index for index in indexes if index.name in names]

    def _rebuildable(self, indexes: Iterable[Index]) -> Iterator[Index]:
        for index in indexes:
            if index.partitioned:
                continue  # its parts are indexes of their own
            if not index.valid or index.building:
                note = _("{name} is not valid; init_indexes sees to it", name=index.name)
                self._plan.notes.append(note)
            elif self._backend.features.builds_beside_writers and index.holds is Holds.EXCLUSION:
                note = _(
                    "{name} is an exclusion constraint, which CONCURRENTLY cannot rebuild",
                    name=index.name,
                )
                self._plan.notes.append(note)
            else:
                yield index


def _with_partitions(
    tables: Sequence[TableCondition], named: Sequence[str]
) -> Iterator[TableCondition]:
    """Yield the tables that are named, and the partitions of those that are partitioned."""
    wanted = {name.lower() for name in named}
    parents = {facts.table: facts.parent for facts in tables}
    for facts in tables:
        name = facts.table
        while name and name.lower() not in wanted:
            name = parents.get(name, "")
        if name:
            yield facts
