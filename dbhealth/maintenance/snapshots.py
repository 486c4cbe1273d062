"""Looks at the tables of a database, for cron: the history of sizes, and how tables stand now."""

from __future__ import annotations

from dbhealth.backends import check_alias, get_backend
from dbhealth.backends.condition import Conditions
from dbhealth.backends.selection import Limits
from dbhealth.conf import get_settings
from dbhealth.maintenance.condition import table_states
from dbhealth.maintenance.growth import SizeHistory
from dbhealth.maintenance.models import TrackedTable
from dbhealth.maintenance.sizes import Sizes, TakenSizes, keep_sizes, sizes_of, where_kept
from dbhealth.maintenance.tracked import tracked

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


def keep_tables(alias: str, report: Conditions, sizes: Sizes) -> None:
    """Keep how the tables of a report stand; forget the tables that are gone."""
    states = table_states(alias, report, sizes, SizeHistory(alias, report.source))
    rows = tracked(alias, states, report, sizes.database)
    backend = get_backend(where_kept(alias, report.source))
    settings = get_settings()
    limits = Limits(lock=settings.lock_timeout, statement=settings.statement_timeout)
    kept = TrackedTable.objects.using(backend.alias)
    with backend.executor.atomic(lock=limits.lock):
        backend.session.begin_batch(limits, (TrackedTable._meta.db_table,))
        there = {row.table for row in rows}
        known = kept.filter(database=alias).values_list("pk", "table")
        gone = [pk for pk, table in known if table not in there]
        for first in range(0, len(gone), _CHUNK):
            kept.filter(pk__in=gone[first : first + _CHUNK]).delete()
        kept.bulk_create(
            rows,
            batch_size=_CHUNK,
            update_conflicts=True,
            unique_fields=["database", "table"],
            update_fields=[
                field.name for field in TrackedTable._meta.fields if field.name not in _KEPT
            ],
        )
