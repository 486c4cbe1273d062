"""Looks at the tables of a database, for cron: the history of sizes, and how tables stand now."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from django.db import DatabaseError
from django.db.models import QuerySet

from dbhealth.backends import check_alias, get_backend
from dbhealth.backends.condition import Conditions
from dbhealth.backends.limits import batch_limits
from dbhealth.maintenance.condition import table_states
from dbhealth.maintenance.growth import SizeHistory
from dbhealth.maintenance.models import TrackedTable
from dbhealth.maintenance.sizes import Sizes, TakenSizes, keep_sizes, sizes_of, where_kept
from dbhealth.maintenance.tracked import tracked

logger = logging.getLogger("dbhealth.maintenance")

_CHUNK = 500
"""Rows of one INSERT, each with its figures; SQLite bounds the parameters of a statement."""

_KEPT = frozenset({"id", "database", "table", "first_seen"})
"""Columns that a later look leaves as they are."""


def snapshot_sizes(alias: str) -> TakenSizes:
    """Keep the sizes that have changed since the last look, and how every table stands.

    Forgets what is too old. Raises UsageError for an alias that DATABASES lacks, and Django's
    database errors.
    """
    check_alias(alias)
    backend = get_backend(alias)
    report = backend.conditions.report()
    sizes = sizes_of(backend, report)
    taken = keep_sizes(alias, sizes)
    keep_tables(alias, report, sizes)
    return taken


def renew_tables(alias: str, tables: Collection[str]) -> None:
    """Keep anew how a few tables stand, where a snapshot has kept it before.

    For whoever has just seen to them: what does not work is logged, and the next snapshot mends it.
    """
    known = TrackedTable.objects.using(alias).filter(database=alias, table__in=tables)
    backend = get_backend(alias)
    try:
        if not known.exists():
            return
        report = backend.conditions.report()
        sizes = sizes_of(backend, report)
        some = tuple(facts for facts in report.tables if facts.table in tables)
        keep_tables(alias, replace(report, tables=some), sizes, some_only=True)
    except DatabaseError as error:
        logger.warning("The figures of tables of %s stay as they were.", alias, exc_info=error)


def keep_tables(alias: str, report: Conditions, sizes: Sizes, *, some_only: bool = False) -> None:
    """Keep how the tables of a report stand; forget all others unless it has ``some_only``."""
    names = [facts.table for facts in report.tables] if some_only else None
    history = SizeHistory(alias, report.source, names)
    states = table_states(alias, report, sizes, history)
    rows = tracked(alias, states, report, sizes.database)
    backend = get_backend(where_kept(alias, report.source))
    limits = batch_limits()
    kept = TrackedTable.objects.using(backend.alias)
    with backend.executor.atomic(lock=limits.lock):
        backend.session.begin_batch(limits, (TrackedTable._meta.db_table,))
        if not some_only:
            _forget(kept.filter(database=alias), {row.table for row in rows})
        kept.bulk_create(
            rows,
            batch_size=_CHUNK,
            update_conflicts=True,
            unique_fields=["database", "table"],
            update_fields=[
                field.name for field in TrackedTable._meta.fields if field.name not in _KEPT
            ],
        )


def _forget(kept: QuerySet[TrackedTable], there: Collection[str]) -> None:
    gone = [pk for pk, table in kept.values_list("pk", "table") if table not in there]
    for first in range(0, len(gone), _CHUNK):
        kept.filter(pk__in=gone[first : first + _CHUNK]).delete()
