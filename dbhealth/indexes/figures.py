"""All figures of use of one database in one place: the server's, the recorder's, the standbys'.

The server's own counters are taken where it has any. Where it has none (SQLite), what the
application was seen doing takes their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from django.db import DatabaseError

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.index_records import IndexUse, StatisticsSource, TableUse, UseReport
from dbhealth.backends.planning import PlannedIndex
from dbhealth.conf import get_settings
from dbhealth.exceptions import OutOfTime
from dbhealth.indexes.evidence import Key
from dbhealth.indexes.history import RECORDED
from dbhealth.indexes.models import TrackedIndex
from dbhealth.indexes.past import Past, past
from dbhealth.queries.home import home_of
from dbhealth.queries.models import RecordedUse
from dbhealth.queries.workload import Workload, uses
from dbhealth.saying import say as _

T = TypeVar("T")

LOCK_TIMEOUT = 0.5
"""How long dbhealth's own tables are waited for (seconds)."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures by table and index; ``report`` is what the server said.

    ``recorded_on`` are the days that the recorder's figures come from, None where they are not its.
    ``notes`` are sentences about what could not be read.
    """

    report: UseReport
    source: StatisticsSource
    indexes: dict[Key, IndexUse]
    tables: dict[str, TableUse]
    past: dict[Key, Past]
    sampled: bool
    recorded_on: tuple[date, ...] | None
    notes: tuple[str, ...] = ()


def figures(backend: Backend, standbys: Sequence[str] = ()) -> Figures:
    """Read the figures of a database; the scans of ``standbys`` (aliases) are added to them."""
    report = backend.use.report()
    indexes = {(use.table, use.name): use for use in report.indexes}
    tables = {use.table: use for use in report.tables}
    source, sampled, recorded_on = report.source, False, None
    notes: list[str] = []
    counts = any(use.scans is not None for use in report.indexes)
    if not counts and RecordedUse._meta.db_table in tables:
        workload = _own(
            get_backend(home_of(backend.alias)),
            lambda: uses(backend.alias),
            Workload(),
            _("What the recorder has seen"),
            notes,
        )
        if workload.since is not None:
            source = replace(source, name=RECORDED, since=workload.since)
            recorded_on = workload.recorded_on
            sampled = get_settings().record_sample < 1
            _add_recorded(indexes, tables, workload)
    for alias in standbys:
        add_standby(indexes, tables, get_backend(alias).use.report(columns=False))
    known: dict[Key, Past] = {}
    # The snapshots of a standby are kept elsewhere, and not looked for.
    if not source.replica and TrackedIndex._meta.db_table in tables:
        known = _own(backend, lambda: past(backend.alias, source), known, _("The history"), notes)
    return Figures(
        report=report,
        source=source,
        indexes=indexes,
        tables=tables,
        past=known,
        sampled=sampled,
        recorded_on=recorded_on,
        notes=tuple(notes),
    )


def _own(backend: Backend, read: Callable[[], T], without: T, what: str, notes: list[str]) -> T:
    """Return what ``read`` finds in dbhealth's own tables, ``without`` where somebody holds them.

    Then ``notes`` get a sentence that says so. Raises other errors of the database.
    """
    bounds = {"lock": LOCK_TIMEOUT, "seconds": get_settings().statement_timeout}
    try:
        with backend.executor.looking(**bounds):
            return read()
    except OutOfTime:
        pass
    except DatabaseError as error:
        if not backend.errors.trouble(error).passes:
            raise
    notes.append(
        _(
            "{what} of the indexes is left out: another session holds tables of dbhealth locked, "
            "or reading them took too long. The verdicts rest on the other figures alone.",
            what=what,
        )
    )
    return without


def _add_recorded(
    indexes: dict[Key, IndexUse], tables: dict[str, TableUse], workload: Workload
) -> None:
    scans = dict.fromkeys(tables, 0)
    for key, use in indexes.items():
        seen = workload.indexes.get(PlannedIndex(*key))
        count = seen.count if seen else 0
        indexes[key] = use._replace(scans=count, last_scan=seen.last if seen else None)
        scans[use.table] = scans.get(use.table, 0) + count
    for name, table in tables.items():
        whole = workload.whole.get(name)
        tables[name] = table._replace(
            index_scans=scans[name],
            sequential_scans=whole.count if whole else 0,
            last_sequential_scan=whole.last if whole else None,
        )


def add_standby(
    indexes: dict[Key, IndexUse], tables: dict[str, TableUse], report: UseReport
) -> None:
    """Add what was read on a standby; writes are counted on the primary only."""
    for use in report.indexes:
        if (own := indexes.get((use.table, use.name))) is not None:
            moments = [moment for moment in (own.last_scan, use.last_scan) if moment]
            indexes[use.table, use.name] = own._replace(
                scans=_sum(own.scans, use.scans),
                rows_read=_sum(own.rows_read, use.rows_read),
                rows_fetched=_sum(own.rows_fetched, use.rows_fetched),
                last_scan=max(moments, default=None),
            )
    for table in report.tables:
        if (ours := tables.get(table.table)) is not None:
            tables[table.table] = ours._replace(
                sequential_scans=_sum(ours.sequential_scans, table.sequential_scans),
                sequential_rows=_sum(ours.sequential_rows, table.sequential_rows),
                index_scans=_sum(ours.index_scans, table.index_scans),
                index_rows=_sum(ours.index_rows, table.index_rows),
            )


def _sum(left: int | None, right: int | None) -> int | None:
    return left if right is None else (left or 0) + right
