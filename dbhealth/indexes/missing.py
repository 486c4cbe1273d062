"""Indexes that a database lacks, by its foreign keys, its figures, and what callers search by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import models

from dbhealth.backends.index_records import TableUse
from dbhealth.backends.records import ForeignKey
from dbhealth.indexes.adding import adding
from dbhealth.indexes.evidence import Evidence
from dbhealth.indexes.keeping import serves
from dbhealth.indexes.searching import Search, serves_search
from dbhealth.indexes.verdict_records import Confidence, Level, Subject
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

SMALL_TABLE = 1_000
"""A table of fewer rows is read whole in no time (rows)."""

LARGE_TABLE = 10_000
"""Readings of a table with fewer rows are not looked at (rows)."""

ROWS_READ = 1_000_000
"""So many rows must have been read without an index (rows)."""

ROWS_PER_READING = 1_000
"""Readings that return less on the average stop early, by a LIMIT (rows)."""

READINGS = 20
"""Fewer readings than these may all be those of a backup or a report."""


class Lack(StrEnum):
    """Why an index is missed; docs/indexes.md has a section for each."""

    FOREIGN_KEY = "foreign-key"
    SEQUENTIAL_READS = "sequential-reads"
    SELECTION = "selection"


class Missing(NamedTuple):
    """An index that is missed; ``columns`` are empty where only the statements could tell."""

    code: Lack
    level: Level
    confidence: Confidence
    reasons: tuple[str, ...]
    table: str
    columns: tuple[str, ...]
    why: str
    change: str


def missing(
    tables: Mapping[str, TableUse],
    subjects: Mapping[str, Sequence[Subject]],
    foreign_keys: Mapping[str, Sequence[ForeignKey]],
    wanted: Iterable[Search],
    evidence: Evidence,
    known: Mapping[str, type[models.Model]],
) -> tuple[Missing, ...]:
    """Return what ``tables`` lack, by table; ``known`` are the models of tables."""
    found: list[Missing] = []
    for name, table in tables.items():
        indexes = [subject.index for subject in subjects.get(name, ())]
        for key in foreign_keys.get(name, ()):
            by_row = table.row_key in key.columns
            if not by_row and not any(serves(index, key.columns) for index in indexes):
                found.append(_of_foreign_key(key, table, tables.get(key.target), known.get(name)))
        if (reads := _sequential(table, evidence)) is not None:
            found.append(reads)
    found += [
        _of_search(item, tables[item.table])
        for item in wanted
        if item.table in tables and _is_missed(item, tables[item.table], subjects)
    ]
    return tuple(sorted(found, key=lambda item: (item.table, item.code, item.columns)))


def soft_keys(known: Mapping[str, type[models.Model]]) -> Iterator[ForeignKey]:
    """Yield the foreign keys that only Django holds: a delete there makes it search by them."""
    for table, model in known.items():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.ForeignKey):
                key: Any = field  # the stubs know little of a foreign key's own attributes
                remote = key.remote_field
                if not key.db_constraint and remote.on_delete is not models.DO_NOTHING:
                    yield ForeignKey(
                        table=table,
                        columns=(key.column,),
                        target=remote.model._meta.db_table,
                        target_columns=(key.target_field.column,),
                        enforced=False,
                    )


def _of_foreign_key(
    key: ForeignKey, table: TableUse, target: TableUse | None, model: type[models.Model] | None
) -> Missing:
    columns = ", ".join(key.columns)
    why = _(
        "A DELETE in {target} looks for the rows of {table} by {columns}, all of them.",
        target=key.target,
        table=key.table,
        columns=columns,
    )
    reasons = [_("No index of the table begins with these columns.")]
    if target is not None and target.deletes is not None:
        reasons.append(
            ngettext(
                "{number:,} row of {target} has been deleted since the statistics began.",
                "{number:,} rows of {target} have been deleted since the statistics began.",
                target.deletes,
                target=key.target,
            )
        )
    level, size = _level(table)
    return Missing(
        Lack.FOREIGN_KEY,
        level,
        Confidence.HIGH,
        (*reasons, *size),
        key.table,
        key.columns,
        why,
        adding(key.table, key.columns, model),
    )


def _level(table: TableUse) -> tuple[Level, tuple[str, ...]]:
    """Return how much it matters that searches read the whole table, with the reason."""
    if table.rows is None or table.rows >= SMALL_TABLE:
        return Level.WARNING, ()
    small = _(
        "{table} has about {rows:,} rows: it does not matter yet.",
        table=table.table,
        rows=table.rows,
    )
    return Level.INFO, (small,)


def _sequential(table: TableUse, evidence: Evidence) -> Missing | None:
    scans, read, rows = table.sequential_scans or 0, table.sequential_rows, table.rows or 0
    estimated = read is None
    if read is None:  # an engine that counts no rows; each reading is of all of them
        read = scans * rows
    if rows < LARGE_TABLE or scans < READINGS or read < max(ROWS_READ, scans * ROWS_PER_READING):
        return None
    why = _(
        "{scans:,} times {table} was read without an index {said_since}, {read:,} rows in all, "
        "{each:,} of {rows:,} each time.",
        scans=scans,
        table=table.table,
        said_since=evidence.said_since,
        read=read,
        each=read // scans,
        rows=rows,
    )
    reasons = [_("Backups and reports read whole tables as well.")]
    if estimated:
        reasons.append(_("The rows are estimated: each reading is counted as all of the table."))
    age = evidence.age
    rare = age is not None and scans < 2 * (age / timedelta(days=1))
    return Missing(
        Lack.SEQUENTIAL_READS,
        Level.WARNING,
        Confidence.LOW if rare else Confidence.MEDIUM,
        tuple(reasons),
        table.table,
        (),
        why,
        _(
            "Find the statements that read {table} (the recorder of dbhealth or pg_stat_statements "
            "keep them) and add an index on what they search by.",
            table=table.table,
        ),
    )


def _is_missed(item: Search, table: TableUse, subjects: Mapping[str, Sequence[Subject]]) -> bool:
    if table.row_key in {item.column, *item.fixed}:
        return False
    return not any(serves_search(subject.index, item) for subject in subjects.get(item.table, ()))


def _of_search(item: Search, table: TableUse) -> Missing:
    level, size = _level(table)
    return Missing(
        Lack.SELECTION,
        level,
        Confidence.HIGH,
        (_("No index of the table in the database finds rows by it."), *size),
        item.table,
        (item.column,),
        item.why,
        item.change,
    )
