"""Order and pages that are not what they were: D006, D007."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import listed
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

_OF_THE_DATABASE = _("collation of the database")


@register(
    "dbhealth.D006", title=_("A collation has changed under its indexes"), feature="has_sessions"
)
def collations(context: Context) -> Iterator[Finding]:
    """Compare the versions of collations with those that the database recorded."""
    for item in context.backend.server.stale_collations():
        name = _("collation {name}", name=item.name) if item.name else _OF_THE_DATABASE
        yield context.finding(
            Level.ERROR if item.indexes else Level.WARNING,
            _(
                "The {collation} was of version {recorded} when its indexes were made, and is of "
                "version {actual} now. Indexes that depend on it: {indexes}.",
                collation=name,
                recorded=item.recorded,
                actual=item.actual,
                indexes=listed(item.indexes) or _("none"),
            ),
            object=f"collation {item.name}" if item.name else "collation",
            confidence=Confidence.MEDIUM,
            reasons=(_("Not every new version sorts differently."),),
            why=_(
                "An index in the old order misses rows that are there, and lets duplicates into "
                "unique columns. An update of the operating system does that."
            ),
            instead=_("Rebuild these indexes; then record the new version."),
            sql=context.backend.server.cures.recollate(item),
        )


@register("dbhealth.D007", title=_("Pages with a wrong checksum were read"), feature="has_sessions")
def checksums(context: Context) -> Iterator[Finding]:
    """Look whether the server has met damaged pages since its statistics were reset."""
    failures = context.backend.server.checksum_failures()
    if failures:
        yield context.finding(
            Level.CRITICAL,
            _(
                "The server has read {failures} with a wrong checksum.",
                failures=ngettext("{number:,} page", "{number:,} pages", failures),
            ),
            value=failures,
            threshold=1,
            unit="pages",
            why=_("The disk, its driver or the memory has damaged data, and may go on with it."),
            instead=_(
                "Take a copy of the data directory before anything else; then restore from a "
                "backup on another machine. pg_amcheck and the server's log tell which tables are "
                "hit. The count goes back to nothing with the statistics (pg_stat_reset)."
            ),
        )
