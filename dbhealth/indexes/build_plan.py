"""What a run over indexes would do: one step an index, each with its statements and their locks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dbhealth.backends import Backend
from dbhealth.backends.index_records import Holds
from dbhealth.backends.statement import Statement
from dbhealth.backends.steps import BUILDS, Deed, Step
from dbhealth.backends.upkeep import Vacuum
from dbhealth.exceptions import NotSupported, Refusal
from dbhealth.indexes import build_refusals as refusals
from dbhealth.indexes.drift import Drift, Entry, Status, drift
from dbhealth.indexes.kinds import Declared
from dbhealth.runs.step_refusals import ensure_session, no_room


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody wants: which ``tables`` and which of their ``indexes`` by name (None: all),
    and what is to follow on the indexes."""

    tables: tuple[str, ...] | None = None
    indexes: tuple[str, ...] | None = None
    vacuum: bool = False
    analyze: bool = False


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """Steps in their order, what will not be done and why, and the drift that it comes from."""

    drift: Drift
    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...]


def make_plan(backend: Backend, asked: Asked, touched: Sequence[str] = ()) -> BuildPlan:
    """Look at the database and return the plan; change nothing. Raises Refused.

    ``touched`` are tables that an earlier process has given indexes and not analyzed.
    """
    found = drift(backend.alias, asked.tables)
    work = _Work(backend, found)
    work.plan(asked.indexes)
    built = {step.table for step in work.steps if step.deed in BUILDS} | set(touched)
    tables = sorted({entry.table for entry in found.entries})
    steps, refused = [*work.steps], [*work.refusals]
    if asked.vacuum:
        rooms = backend.upkeep.room(dict.fromkeys(tables, 0), Vacuum())
        if short := [room for room in rooms if room.is_short]:
            refused.append(no_room(short))
        else:
            steps += backend.upkeep.vacuum(tables, Vacuum())
    steps += _analyzed(backend, tables if asked.analyze else sorted(built))
    ensure_session(backend, steps)
    return BuildPlan(drift=found, steps=tuple(steps), refusals=tuple(refused))


def _analyzed(backend: Backend, tables: Sequence[str]) -> Iterator[Step]:
    for table in tables:
        statements = (backend.upkeep.analyze(table),)
        yield Step(deed=Deed.ANALYZE, table=table, statements=statements)


class _Work:
    """Goes through the drift and collects steps and refusals."""

    def __init__(self, backend: Backend, found: Drift) -> None:
        self._backend, self._drift = backend, found
        self.steps: list[Step] = []
        self.refusals = [refusals.table_left_out(table) for table in found.left_out]
        self._partitioned: dict[str, bool] = {}

    def plan(self, wanted: Collection[str] | None) -> None:
        """Look at each entry; with ``wanted`` at those of these names only."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        for entry in self._drift.entries:
            if entry.declared is not None and entry.index is not None:
                names[entry.table].append(entry.name)
        for entry in self._named(wanted):
            try:
                self._entry(entry, names[entry.table])
            except NotSupported as error:
                refusal = refusals.not_beside_others(entry.table, entry.name, str(error))
                self.refusals.append(refusal)

    def _named(self, wanted: Collection[str] | None) -> Iterable[Entry]:
        if wanted is None:
            return self._drift.entries
        known = {entry.name for entry in self._drift.entries}
        self.refusals += [refusals.unknown_index(name) for name in wanted if name not in known]
        return [entry for entry in self._drift.entries if entry.name in wanted]

    def _entry(self, entry: Entry, names: list[str]) -> None:
        if entry.status is Status.BUILDING:
            self.refusals.append(refusals.still_building(entry.table, entry.name))
        elif entry.status is Status.INVALID:
            self._invalid(entry, names)
        elif entry.declared is None:
            return
        elif entry.status is Status.MISSING:
            self._missing(entry, entry.declared)
        elif adopted := self._adopted(entry, entry.declared):
            self._add(Deed.ADOPT, entry, adopted)

    def _add(self, deed: Deed, entry: Entry, statements: tuple[Statement, ...]) -> None:
        step = Step(deed=deed, table=entry.table, index=entry.name, statements=statements)
        self.steps.append(step)

    def _missing(self, entry: Entry, declared: Declared) -> None:
        if not declared.sql:
            self.refusals.append(refusals.comes_with_table(entry.table, entry.name))
        elif self._is_partitioned(entry.table):
            refusal = refusals.partitioned(entry.table, entry.name, declared.sql)
            self.refusals.append(refusal)
        else:
            self._add(Deed.CREATE, entry, self._made(declared))

    def _made(self, declared: Declared) -> tuple[Statement, ...]:
        ddl = self._backend.ddl
        return ddl.create_index(declared.table, declared.name, declared.sql)

    def _is_partitioned(self, table: str) -> bool:
        if table not in self._partitioned:
            relation = self._backend.catalog.relation(table)
            self._partitioned[table] = relation is not None and relation.kind.startswith("part")
        return self._partitioned[table]

    def _invalid(self, entry: Entry, names: list[str]) -> None:
        index, ddl = entry.index, self._backend.ddl
        if index is not None and index.partitioned:
            self.refusals.append(refusals.partition_missing(entry.table, entry.name))
        elif entry.declared is not None:
            rebuild = ddl.rebuild(entry.table, entry.name)
            adopt = self._constraint_of(entry, entry.declared)
            self._add(Deed.REBUILD, entry, (rebuild, *adopt))
        elif any(entry.name in ddl.leftovers(entry.table, name) for name in names):
            # What REINDEX CONCURRENTLY has left: a copy of an index that is itself there.
            self._add(Deed.DROP, entry, (ddl.drop_index(entry.table, entry.name),))

    def _adopted(self, entry: Entry, declared: Declared) -> tuple[Statement, ...]:
        """Return what makes an index a constraint, where its process ended between the two."""
        index, shape = entry.index, declared.shape
        if index is None or shape is None or entry.status not in (Status.PRESENT, Status.DIFFERS):
            return ()
        # Only a constraint can be deferred.
        alike = replace(index.shape, deferrable=shape.deferrable) == shape
        return self._constraint_of(entry, declared) if alike else ()

    def _constraint_of(self, entry: Entry, declared: Declared) -> tuple[Statement, ...]:
        index = entry.index
        if not declared.constraint or index is None or index.holds is not Holds.NOTHING:
            return ()
        is_its_own = (index.table, index.name) == (declared.table, declared.name)
        return self._made(declared)[1:] if is_its_own else ()
