"""Looks at the indexes of a database, for cron: what they come to is their history.

The latest look is also what the admin shows, for a page is not to wait for the catalogue.
"""

from __future__ import annotations

from dbhealth.backends import check_alias, get_backend
from dbhealth.backends.index_records import UseReport
from dbhealth.collector import without_collecting
from dbhealth.health.places import models_of
from dbhealth.indexes.drift import drift
from dbhealth.indexes.history import Look, Taken, take_snapshot
from dbhealth.indexes.tracking import facts, missed
from dbhealth.indexes.usage import index_usage


def snapshot_indexes(alias: str) -> Taken:
    """Keep how the indexes of a database stand and what came to them since the last look.

    Where the engine counts no scans, what the recorder has seen counts. Nothing is reset.
    Raises UsageError for an alias that DATABASES lacks, and Django's database errors.
    """
    check_alias(alias)
    with without_collecting():
        return take_snapshot(alias, lambda: _look(alias))


def _look(alias: str) -> Look:
    read, known = get_backend(alias).indexes.catalogue(), models_of(alias)
    usage = index_usage(alias, read=read)
    # By name, for this may be a standby, where nothing can be tried out.
    adrift = drift(alias, by_name=True, found=read)
    return Look(
        report=UseReport(source=usage.source, indexes=tuple(usage.uses.values()), tables=()),
        facts=facts(usage, adrift, known),
        missed=tuple(missed(usage, adrift, known)),
        left_out=usage.left_out,
    )
