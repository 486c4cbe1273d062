"""Drift: the declared catalogue and the database's, compared in both directions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.index_records import Sketch
from dbhealth.indexes.declared import catalogue, managed_tables
from dbhealth.indexes.entries import Drift, Entry, Status
from dbhealth.indexes.judge import judged
from dbhealth.indexes.kinds import Declared
from dbhealth.indexes.match import entries_of, entry_of
from dbhealth.indexes.registry import Registry, registry

__all__ = ["Drift", "Entry", "Status", "drift"]


def drift(
    alias: str, tables: Sequence[str] | None = None, registered: Registry = registry
) -> Drift:
    """Compare what the code declares with what the database ``alias`` has; change nothing.

    ``tables``: only these, as the catalogue of the database spells them. Raises UsageError for
    an alias that DATABASES lacks.
    """
    backend = get_backend(alias)
    declared = [
        item for item in catalogue(alias, registered) if tables is None or item.table in tables
    ]
    found = backend.indexes.catalogue(tables)
    left_out = set(found.left_out)
    declared = [item for item in declared if item.table not in left_out]
    there = set(backend.catalog.tables())
    ours = managed_tables(alias)
    wanted = _by_table(_shaped(backend, [item for item in declared if item.table in there]))
    stand = _by_table(found.indexes)
    entries = [
        entry
        for table in wanted.keys() | (stand.keys() & ours)
        for entry in entries_of(wanted[table], stand[table])
        # Of a table that Django does not manage only what is registered is our business.
        if entry.declared is not None or table in ours
    ]
    absent = [entry_of(Status.MISSING, item, None) for item in declared if item.table not in there]
    entries = judged(alias, entries + absent)
    lacking = {
        entry.table
        for entry in entries
        if entry.status is Status.MISSING and entry.table not in there
    }
    return Drift(
        entries=tuple(
            sorted(
                (entry for entry in entries if entry.table not in lacking),
                key=lambda entry: (entry.table, entry.name),
            )
        ),
        left_out=found.left_out,
        absent=tuple(sorted(lacking)),
        foreign=sum(index.table not in ours for index in found.indexes),
    )


class _OfTable(Protocol):
    @property
    def table(self) -> str: ...


T = TypeVar("T", bound=_OfTable)


def _by_table(items: Iterable[T]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        found[item.table].append(item)
    return found


def _shaped(backend: Backend, declared: list[Declared]) -> list[Declared]:
    """Return the declarations with the shapes that only the database can tell."""
    open_ones = [item for item in declared if item.shape is None]
    if not open_ones:
        return declared
    shapes = iter(
        backend.indexes.shapes([Sketch(table=item.table, sql=item.sql) for item in open_ones])
    )
    return [replace(item, shape=next(shapes)) if item.shape is None else item for item in declared]
