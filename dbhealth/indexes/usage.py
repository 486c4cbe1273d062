"""index_usage: every index of a database with who declares it, its figures and its verdicts."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from django.apps import apps

from dbhealth.backends import Backend, check_alias, get_backend
from dbhealth.backends.index_records import (
    Bloat,
    Index,
    IndexCatalogue,
    IndexUse,
    StatisticsSource,
    TableUse,
)
from dbhealth.backends.names import unwrapped
from dbhealth.backends.records import ForeignKey
from dbhealth.collector import without_collecting
from dbhealth.exceptions import UsageError
from dbhealth.health.places import models_of
from dbhealth.indexes.changes import Changes
from dbhealth.indexes.declared import catalogue
from dbhealth.indexes.evidence import Evidence, Key
from dbhealth.indexes.figures import Figures, figures
from dbhealth.indexes.kinds import Declared
from dbhealth.indexes.match import entries_of
from dbhealth.indexes.missing import Missing, missing, soft_keys
from dbhealth.indexes.searching import Search, known_searches
from dbhealth.indexes.verdict_records import Subject
from dbhealth.indexes.verdict_state import WASTED_BYTES, is_bloated
from dbhealth.indexes.verdicts import IndexUsage, Judge

OfTableT = TypeVar("OfTableT", ForeignKey, Search)

MEASURED = 2
"""So many indexes are read page by page, those with the most waste by estimate."""

MEASURING_SECONDS = 1.0
"""How long reading them may take altogether (seconds)."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The indexes of one database by table and name, and those that it lacks.

    ``notes`` are sentences about figures that could not be read.
    ``left_out`` are tables that another session holds locked: nothing is known of their indexes.
    ``tables`` are the figures of all tables that were looked at; ``uses`` those of all indexes of
    the database, also of those left out.
    """

    alias: str
    engine: str
    source: StatisticsSource
    indexes: tuple[IndexUsage, ...]
    uses: Mapping[Key, IndexUse]
    tables: Mapping[str, TableUse]
    missing: tuple[Missing, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()


def index_usage(
    alias: str,
    tables: Sequence[str] | None = None,
    *,
    wanted: Iterable[Search] = (),
    standbys: Sequence[str] = (),
    read: IndexCatalogue | None = None,
) -> Usage:
    """Return the usage of all indexes of the database ``alias``; nothing is changed.

    ``tables`` are names of tables or app.Model labels; None: all. ``wanted`` are columns that
    somebody searches by, besides those of register_searches; ``standbys`` aliases of its read
    replicas, whose scans are added. ``read``: all indexes, where somebody has read them a moment
    ago (with ``tables`` None only).
    At most twelve messages to ``alias``, however many indexes there are. Raises UsageError for
    an alias that DATABASES lacks and a table that the database does not have.
    """
    for name in (alias, *standbys):
        check_alias(name)
    with without_collecting():
        return _usage(alias, tables, wanted, standbys, read)


def _usage(
    alias: str,
    tables: Sequence[str] | None,
    wanted: Iterable[Search],
    standbys: Sequence[str],
    read: IndexCatalogue | None,
) -> Usage:
    backend = get_backend(alias)
    found = figures(backend, standbys)
    chosen = None if tables is None else _resolved(tables, found.tables)
    listed = read or backend.indexes.catalogue(chosen)
    known = models_of(alias)
    keys = _by_table([*found.report.foreign_keys, *soft_keys(known)])
    subjects = _subjects(listed.indexes, _owners(alias, listed.indexes), found)
    evidence = Evidence(
        source=found.source,
        columns={(facts.table, facts.column): facts for facts in found.report.columns},
        bloat=_bloat(backend, listed.indexes, found),
        past=found.past,
        asked=len(standbys),
        sampled=found.sampled,
        recorded_on=found.recorded_on,
    )
    searches = _by_table([*wanted, *known_searches(alias)])
    judge = Judge(evidence=evidence, changes=Changes(ddl=backend.ddl, models=known))
    seen = _seen(found.tables, chosen, listed.left_out)
    return Usage(
        alias=alias,
        engine=backend.features.name,
        source=found.source,
        indexes=tuple(
            usage
            for table in sorted(subjects)
            for usage in judge.table(subjects[table], keys.get(table, ()), searches.get(table, ()))
        ),
        uses=found.indexes,
        tables=seen,
        missing=missing(seen, subjects, keys, chain(*searches.values()), evidence, known),
        left_out=listed.left_out,
        notes=found.notes,
    )


def _resolved(names: Sequence[str], there: Iterable[str]) -> tuple[str, ...]:
    """Return the tables that names of tables or app.Model labels mean, each once."""
    known = {table: table for table in there}
    labels = {
        model._meta.label.lower(): unwrapped(model._meta.db_table) for model in apps.get_models()
    }
    found = []
    for name in names:
        table = known.get(name) or known.get(labels.get(name.lower(), ""))
        if table is None:
            close = difflib.get_close_matches(name, [*known, *labels], n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"The database has no table {name!r}.{hint}")
        found.append(table)
    return tuple(dict.fromkeys(found))


def _seen(
    tables: Mapping[str, TableUse], chosen: Sequence[str] | None, left_out: Sequence[str]
) -> dict[str, TableUse]:
    names = tables if chosen is None else chosen
    return {name: tables[name] for name in names if name in tables and name not in left_out}


def _owners(alias: str, indexes: Sequence[Index]) -> dict[Key, Declared]:
    """Return what declares each index, where the code does: by its name, else by its structure."""
    stand = defaultdict(list)
    for index in indexes:
        stand[index.table].append(index)
    asked = defaultdict(list)
    for declared in catalogue(alias):
        if declared.table in stand:
            asked[declared.table].append(declared)
    owners: dict[Key, Declared] = {}
    for table, items in asked.items():
        names = {index.name for index in stand[table]}
        if all(item.name in names for item in items):  # nearly all tables
            owners |= {(table, item.name): item for item in reversed(items)}
            continue
        for entry in reversed(entries_of(items, stand[table])):
            if entry.declared is not None and entry.index is not None:
                owners[entry.index.table, entry.index.name] = entry.declared
    return owners


def _subjects(
    indexes: Sequence[Index], owners: Mapping[Key, Declared], found: Figures
) -> dict[str, list[Subject]]:
    """Return the indexes of each table with their figures, by name."""
    subjects: dict[str, list[Subject]] = {}
    uses, tables = found.indexes, found.tables
    for index in indexes:
        key = (index.table, index.name)
        use = uses.get(key) or IndexUse(table=index.table, name=index.name)
        table = tables.get(index.table) or TableUse(table=index.table)
        subjects.setdefault(index.table, []).append(Subject(index, use, table, owners.get(key)))
    for listed in subjects.values():
        listed.sort(key=lambda subject: subject.index.name)
    return subjects


def _bloat(backend: Backend, indexes: Sequence[Index], found: Figures) -> dict[Key, Bloat]:
    """Return what large indexes waste: estimated, and measured where that is much."""
    large = [
        index
        for index in indexes
        if (use := found.indexes.get((index.table, index.name))) is not None
        and (use.bytes or 0) > WASTED_BYTES
    ]
    if not large:
        return {}
    guesses = backend.use.estimated_bloat(large, found.report)
    bloat = {(guess.table, guess.name): guess for guess in guesses}
    worst = sorted(filter(is_bloated, guesses), key=lambda guess: -guess.wasted_bytes)[:MEASURED]
    doubtful = {(guess.table, guess.name) for guess in worst if not guess.exact}
    if doubtful:
        chosen = [index for index in large if (index.table, index.name) in doubtful]
        measured = backend.use.exact_bloat(chosen, seconds=MEASURING_SECONDS)
        bloat.update({(item.table, item.name): item for item in measured})
    return bloat


def _by_table(items: Iterable[OfTableT]) -> dict[str, list[OfTableT]]:
    found: dict[str, list[OfTableT]] = {}
    for item in items:
        found.setdefault(item.table, []).append(item)
    return found
