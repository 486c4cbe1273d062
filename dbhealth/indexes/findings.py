"""The checks of indexes: I001 to I008 are verdicts on indexes that are there.

All of them share one reading of ``index_usage``. docs/indexes.md has the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.backends.utils import split_identifier

from dbhealth.backends.index_records import IndexCatalogue
from dbhealth.health.finding import Confidence, Finding
from dbhealth.health.registry import Context, register
from dbhealth.health.words import size
from dbhealth.indexes.removal import is_packaged
from dbhealth.indexes.usage import Usage, index_usage
from dbhealth.indexes.verdict_records import Code, Subject, Verdict
from dbhealth.saying import say as _


def indexes(context: Context) -> IndexCatalogue:
    """Return all indexes of the database, read once for what is made of them."""
    return context.memo("indexes.catalogue", context.backend.indexes.catalogue)


def usage(context: Context) -> Usage:
    """Return the usage of all indexes of the database, put together once for all checks."""
    found = context.memo("indexes.usage", lambda: index_usage(context.alias, read=indexes(context)))
    context.leave_out(found.left_out)
    return found


def index_object(table: str, name: str) -> str:
    """Return the object of a finding about an index: "index x", "index schema.x"."""
    schema = split_identifier(table)[0]
    return f"index {schema}.{name}" if schema else f"index {name}"


_INSTEAD = {
    Code.INVALID: _("Build it again, or drop it where nobody wants it."),
    Code.DUPLICATE: _("Take it out; the other one serves all of its searches."),
    Code.COVERED: _("Take it out; the other one serves all of its searches."),
    Code.UNUSED: _("Take it out, unless a standby, a job of the year's end or a person needs it."),
    Code.RARELY_USED: _("See what uses it; take it out where that can do without it."),
    Code.BLOATED: _("Rebuild it; manage.py vacuum --reindex does that beside readers and writers."),
    Code.NULL_HEAVY: _("Leave the rows without a value out of it."),
    Code.LOW_CARDINALITY: _("Make it an index of the rare values, or take it out."),
}

_TITLES = {
    Code.INVALID: _("The index {index} of {table} is invalid."),
    Code.DUPLICATE: _("The index {index} of {table} is the same as {other}."),
    Code.COVERED: _("The index {index} of {table} is the beginning of {other}."),
    Code.UNUSED: _("The index {index} of {table} is not used."),
    Code.RARELY_USED: _("The index {index} of {table} costs many writes for each search."),
    Code.BLOATED: _("The index {index} of {table} is bloated."),
    Code.NULL_HEAVY: _("The index {index} of {table} holds NULLs mostly."),
    Code.LOW_CARDINALITY: _("The index {index} of {table} has few values."),
}


def _of(context: Context, code: Code) -> Iterator[tuple[Subject, Verdict]]:
    for item in usage(context).indexes:
        for verdict in item.verdicts:
            if verdict.code == code:
                yield item.subject, verdict


def _finding(
    context: Context, subject: Subject, verdict: Verdict, threshold: float | None = None
) -> Finding:
    index, known = subject.index, subject.use.bytes
    place = subject.owner.place if subject.owner else None
    table = index.table
    if known is not None:
        table = _("{table} ({size})", table=table, size=size(known))
    return context.finding(
        verdict.level,
        _TITLES[verdict.code].format(index=index.name, table=table, other=verdict.other),
        object=index_object(index.table, index.name),
        value=known,
        threshold=threshold,
        unit="bytes" if known is not None else "",
        confidence=verdict.confidence,
        reasons=verdict.reasons,
        why=verdict.why,
        instead=_INSTEAD[verdict.code],
        sql=(verdict.sql,) if verdict.sql else (),
        change=verdict.change,
        file=place.file if place else "",
        line=place.line if place else 0,
    )


@register("dbhealth.I001", title=_("An index is invalid"), feature="has_sessions")
def invalid(context: Context) -> Iterator[Finding]:
    """Find what a failed build has left behind."""
    for subject, verdict in _of(context, Code.INVALID):
        yield _finding(context, subject, verdict)


@register("dbhealth.I002", title=_("An index is there twice"))
def duplicate(context: Context) -> Iterator[Finding]:
    """Find indexes of equal structure."""
    for subject, verdict in _of(context, Code.DUPLICATE):
        if _matters(context, subject):
            yield _finding(context, subject, verdict)


@register("dbhealth.I003", title=_("Another index covers an index"))
def covered(context: Context) -> Iterator[Finding]:
    """Find indexes that are the beginning of another one."""
    for subject, verdict in _of(context, Code.COVERED):
        if _matters(context, subject):
            yield _finding(context, subject, verdict)


def _matters(context: Context, subject: Subject) -> bool:
    """Return whether an index is the project's own, or large: Django brings small ones along."""
    is_large = (subject.use.bytes or 0) >= context.thresholds["unused_bytes"]
    return is_large or subject.owner is None or not is_packaged(subject.owner)


@register("dbhealth.I004", title=_("An index is not used"))
def unused(context: Context) -> Iterator[Finding]:
    """Find large indexes that no search uses, where the statistics are old enough to say so."""
    bound = context.thresholds["unused_bytes"]
    for subject, verdict in _of(context, Code.UNUSED):
        if verdict.confidence > Confidence.LOW and (subject.use.bytes or 0) >= bound:
            yield _finding(context, subject, verdict, bound)


@register("dbhealth.I005", title=_("An index is rarely used and costs much"))
def rarely_used(context: Context) -> Iterator[Finding]:
    """Find large indexes that cost far more writes than searches use them."""
    bound = context.thresholds["unused_bytes"]
    for subject, verdict in _of(context, Code.RARELY_USED):
        if verdict.confidence > Confidence.LOW and (subject.use.bytes or 0) >= bound:
            yield _finding(context, subject, verdict, bound)


@register("dbhealth.I006", title=_("An index is bloated"))
def bloated(context: Context) -> Iterator[Finding]:
    """Find indexes whose pages are empty for a large part."""
    for subject, verdict in _of(context, Code.BLOATED):
        yield _finding(context, subject, verdict)


@register("dbhealth.I007", title=_("An index holds NULLs mostly"))
def null_heavy(context: Context) -> Iterator[Finding]:
    """Find indexes of columns that are empty in most rows."""
    for subject, verdict in _of(context, Code.NULL_HEAVY):
        yield _finding(context, subject, verdict)


@register("dbhealth.I008", title=_("An index has few values"))
def low_cardinality(context: Context) -> Iterator[Finding]:
    """Find indexes of columns of which each value is that of very many rows."""
    for subject, verdict in _of(context, Code.LOW_CARDINALITY):
        yield _finding(context, subject, verdict)
