"""Indexes that queries do not use, and those that are larger than they need to be."""

from __future__ import annotations

from dbhealth.backends.index_records import Bloat
from dbhealth.indexes.verdict_records import Code, Confidence, Level, Subject, Verdict
from dbhealth.saying import say as _

WASTED_BYTES = 10 * 1024 * 1024
"""Less waste than this is not worth a rebuild (bytes)."""

WASTED_SHARE = 0.4
"""The part of an index that holds nothing; a btree after random inserts has about 0.3."""


def invalid(subject: Subject) -> Verdict:
    """Return the verdict on an index that queries do not use because it was never finished."""
    index = subject.index
    if index.partitioned:
        why = _(
            "Some partition has no index that is attached to it, so that a search over all "
            "partitions is not served and new rows are not checked by it."
        )
    else:
        why = _(
            "A CONCURRENTLY build of it has failed: no query uses it, yet every write of {table} "
            "still pays for it.",
            table=index.table,
        )
    reasons = (_("The catalogue says so (pg_index.indisvalid), and nobody is building it now."),)
    return Verdict(Code.INVALID, Level.ERROR, Confidence.HIGH, reasons, why)


def is_bloated(bloat: Bloat) -> bool:
    """Return whether an index wastes WASTED_SHARE of its pages and WASTED_BYTES at least."""
    return bloat.wasted_bytes >= max(WASTED_BYTES, WASTED_SHARE * bloat.bytes)


def bloated(bloat: Bloat) -> Verdict | None:
    """Return the verdict on an index that is bloated, None on one that is not."""
    if not is_bloated(bloat):
        return None
    confidence = Confidence.HIGH if bloat.exact else Confidence.MEDIUM
    reasons = (
        _("Measured by {source}.", source=bloat.source)
        if bloat.exact
        else _("Estimated by {source}.", source=bloat.source),
    )
    why = _(
        "{wasted_bytes:,} of {bytes:,} bytes ({share:.0%}) hold nothing: searches read and cache "
        "more pages than they need.",
        wasted_bytes=bloat.wasted_bytes,
        bytes=bloat.bytes,
        share=bloat.wasted_bytes / bloat.bytes,
    )
    return Verdict(Code.BLOATED, Level.INFO, confidence, reasons, why)
