"""Indexes on columns that hardly tell rows apart: mostly NULL, or a handful of values."""

from __future__ import annotations

from dbhealth.backends.index_records import ColumnFacts, IndexUse
from dbhealth.indexes.evidence import Evidence
from dbhealth.indexes.verdict_records import Code, Confidence, Level, Subject, Verdict
from dbhealth.saying import say as _

NULL_SHARE = 0.5
"""From so many NULLs on a partial index is half the size."""

NULL_BYTES = 1024 * 1024
"""Indexes below this size are left as they are (bytes)."""

FEW_VALUES = 10
"""So few distinct values: each stands in a tenth of the rows on the average."""

MANY_ROWS = 10_000
"""Below this many rows reading the whole table is quick anyhow (rows)."""

SELECTIVE = 0.05
"""Scans that return less of the table than this look for rare values, and the index is right."""


def column_verdict(subject: Subject, evidence: Evidence, stays: str) -> Verdict | None:
    """Return a verdict on a full index of one plain column, None where nothing is to be said.

    Unique indexes are left alone, and so are those that serve a foreign key when it comes to few
    values (``stays``); one on many NULLs serves the foreign key as a partial index as well.
    """
    index, shape = subject.index, subject.index.shape
    if len(shape.keys) != 1 or shape.method != "btree" or shape.predicate or shape.unique:
        return None
    column = shape.keys[0].column
    facts = evidence.columns.get((index.table, column)) if column else None
    if facts is None or index.child or index.replica_identity:
        return None
    return _null_heavy(subject, facts) or (None if stays else _few_values(subject, facts))


def _null_heavy(subject: Subject, facts: ColumnFacts) -> Verdict | None:
    share, size = facts.null_share, subject.use.bytes
    if share is None or size is None or share < NULL_SHARE or size < NULL_BYTES:
        return None
    why = _(
        "{share:.0%} of the rows have no {column}; an index of the others alone takes about "
        "{smaller:,.0f} bytes instead of {size:,}, and fewer writes touch it.",
        share=share,
        column=facts.column,
        smaller=size * (1 - share),
        size=size,
    )
    reasons = (
        _("The share is ANALYZE's."),
        _(
            "Only searches for rows without {column} (IS NULL) would miss the entries.",
            column=facts.column,
        ),
    )
    return Verdict(Code.NULL_HEAVY, Level.INFO, Confidence.MEDIUM, reasons, why)


def _few_values(subject: Subject, facts: ColumnFacts) -> Verdict | None:
    rows = subject.table.rows or 0
    if facts.distinct is None or facts.distinct > FEW_VALUES or rows < MANY_ROWS:
        return None
    share = _share(subject.use, rows)
    if share is not None and share < SELECTIVE:
        return None
    if share is not None and share <= 1:
        confidence = Confidence.MEDIUM
        reason = _(
            "A scan by it has returned {share:.0%} of the table on the average.", share=share
        )
    else:
        # More than all: the table has lost rows since, and was larger when most of it was read.
        confidence = Confidence.LOW
        reason = _(
            "Nothing tells how many rows a scan by it returns: it may look for a rare value."
        )
    why = _(
        "{column} has about {distinct:,.0f} values in {rows:,} rows: finding that many rows by an "
        "index is hardly cheaper than reading the table.",
        column=facts.column,
        distinct=facts.distinct,
        rows=rows,
    )
    reasons = (_("The number of values is ANALYZE's."), reason)
    return Verdict(Code.LOW_CARDINALITY, Level.INFO, confidence, reasons, why)


def _share(use: IndexUse, rows: int) -> float | None:
    """Return which part of a table of ``rows`` rows a scan has returned on the average."""
    if use.rows_read is None or not use.scans:
        return None
    return use.rows_read / use.scans / rows
