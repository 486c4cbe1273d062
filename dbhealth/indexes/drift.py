"""Drift: the declared catalogue and the database's, compared in both directions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from typing import Protocol, TypeVar

from django.db.backends.utils import split_identifier

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.index_records import Index, IndexCatalogue, Sketch
from dbhealth.indexes.declared import catalogue, managed_tables
from dbhealth.indexes.entries import Drift, Entry, Status
from dbhealth.indexes.judge import judged
from dbhealth.indexes.kinds import Declared
from dbhealth.indexes.match import entries_of, entry_of
from dbhealth.indexes.registry import Registry, registry
from dbhealth.saying import say as _

__all__ = ["Drift", "Entry", "Status", "drift"]


def drift(
    alias: str,
    tables: Sequence[str] | None = None,
    registered: Registry = registry,
    *,
    by_name: bool = False,
    found: IndexCatalogue | None = None,
) -> Drift:
    """Compare what the code declares with what the database ``alias`` has; change nothing.

    ``tables``: only these, as the catalogue of the database spells them. ``by_name``: where the
    shape of a declaration is one that only the database can tell, an index of its name is taken
    for it; then nothing is tried out, which a server allows nobody who only reads. ``found``: the
    indexes of these tables, where somebody has read them a moment ago. Raises UsageError for an
    alias that DATABASES lacks.
    """
    backend = get_backend(alias)
    if found is None:
        found = backend.indexes.catalogue(tables)
    there = set(backend.catalog.tables())
    declared = [
        item
        for item in catalogue(alias, registered)
        if item.table not in found.left_out and (tables is None or item.table in tables)
    ]
    shaped = [item for item in declared if item.table in there]
    if not by_name:
        shaped = _shaped(backend, shaped)
    ours = managed_tables(alias)
    entries = _side_by_side(shaped, found.indexes, ours)
    entries += [
        entry_of(Status.MISSING, item, None) for item in declared if item.table not in there
    ]
    entries, held = judged(alias, entries)
    entries = _with_names_taken(entries, found.indexes)
    absent = {
        entry.table
        for entry in entries
        if entry.status is Status.MISSING and entry.table not in there
    }
    whole = [entry for entry in entries if entry.table not in absent]
    return Drift(
        entries=tuple(sorted(whole, key=lambda entry: (entry.table, entry.name))),
        left_out=tuple(dict.fromkeys((*found.left_out, *held))),
        absent=tuple(sorted(absent)),
        foreign=sum(index.table not in ours for index in found.indexes),
    )


def _side_by_side(
    declared: Sequence[Declared], indexes: Sequence[Index], ours: Set[str]
) -> list[Entry]:
    """Return the entries of all tables that are there, before migrations are looked at.

    Of a table that Django does not manage only what is registered is our business.
    """
    wanted, stand = _by_table(declared), _by_table(indexes)
    return [
        entry
        for table in wanted.keys() | (stand.keys() & ours)
        for entry in entries_of(wanted[table], stand[table])
        if entry.declared is not None or table in ours
    ]


def _with_names_taken(entries: Sequence[Entry], indexes: Sequence[Index]) -> list[Entry]:
    """Return the entries, with those told apart that cannot be made under their name.

    Both engines keep the names of indexes apart by schema and not by table.
    """
    taken = {(split_identifier(index.table)[0], index.name): index for index in indexes}
    found = []
    for entry in entries:
        index = taken.get((split_identifier(entry.table)[0], entry.name))
        if entry.status is Status.MISSING and index is not None:
            why = _("An index of this name is on the table {table}.", table=index.table)
            entry = replace(entry, status=Status.DIFFERS, index=index, why=why)
        found.append(entry)
    return found


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
