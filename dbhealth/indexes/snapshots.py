"""Looks at the counters of indexes, for cron: what they come to is the history."""

from __future__ import annotations

from dbhealth.backends import check_alias, get_backend
from dbhealth.backends.index_records import UseReport
from dbhealth.indexes.figures import figures
from dbhealth.indexes.history import Taken, take_snapshot


def snapshot_indexes(alias: str) -> Taken:
    """Keep what came to every index of a database since the last look at it.

    Where the engine counts no scans, what the recorder has seen counts. Nothing is reset. Raises
    UsageError for an alias that DATABASES lacks, and Django's database errors.
    """
    check_alias(alias)

    def look() -> UseReport:
        found = figures(get_backend(alias))
        return UseReport(source=found.source, indexes=tuple(found.indexes.values()), tables=())

    return take_snapshot(alias, look)
