"""What is in a database file: L006 to L010."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbhealth.backends.condition import TableCondition
from dbhealth.health.checks.file import facts
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import listed
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


def _is_too_large(context: Context) -> bool:
    """Return whether the file is too large to be read whole without being asked."""
    return facts(context).bytes > context.thresholds["check_bytes"]


@register("dbhealth.L006", title=_("The file is damaged"), feature="is_a_file")
def quick_check(context: Context) -> Iterator[Finding]:
    """Read the file and look at its structure, but not whether indexes have all rows."""
    if not _is_too_large(context):
        yield from _damage(context, whole=False)


@register(
    "dbhealth.L007",
    title=_("The file or an index in it is damaged"),
    feature="is_a_file",
    expensive=True,
)
def integrity_check(context: Context) -> Iterator[Finding]:
    """Read the file and compare each index with its table."""
    yield from _damage(context, whole=True)


def _damage(context: Context, *, whole: bool) -> Iterator[Finding]:
    said = context.backend.file.damage(whole=whole)
    if not said:
        return
    cures = context.backend.file.cures
    # Lines such as "row 5 missing from index x" and "wrong # of entries in index x".
    only_indexes = all(" index " in line for line in said)
    yield context.finding(
        Level.CRITICAL,
        _damaged(said),
        why=_("Queries miss rows, fail, or return wrong ones, and writing makes it worse."),
        instead=_("Rebuild the indexes; the rows themselves are whole.")
        if only_indexes
        else _(
            "Stop writing, and copy the file with its -wal and -journal. Then restore a backup, or "
            "save what can be read with .recover in the sqlite3 shell."
        ),
        sql=(cures.rebuild_indexes if only_indexes else cures.recover,),
        help="https://www.sqlite.org/howtocorrupt.html",
    )


def _damaged(said: Sequence[str]) -> str:
    lines, more = "; ".join(said[:3]), len(said) - 3
    if more <= 0:
        return _("The file is damaged: {lines}", lines=lines)
    return ngettext(
        "The file is damaged: {lines}; and {number} line more",
        "The file is damaged: {lines}; and {number} lines more",
        more,
        lines=lines,
    )


@register("dbhealth.L008", title=_("Rows point at rows that are not there"), feature="is_a_file")
def dangling(context: Context) -> Iterator[Finding]:
    """Look up the target of every foreign key."""
    if _is_too_large(context):
        return
    for item in context.backend.file.dangling():
        yield context.finding(
            Level.ERROR,
            ngettext(
                "{number:,} row of {table} points by {column} at a row of {target} that is not "
                "there.",
                "{number:,} rows of {table} point by {column} at rows of {target} that are not "
                "there.",
                item.rows,
                table=item.table,
                column=item.column,
                target=item.target,
            ),
            object=f"column {item.table}.{item.column}",
            value=item.rows,
            threshold=1,
            unit="rows",
            reasons=(_looked_up(item.rowids),),
            why=_(
                "Whoever follows the key gets DoesNotExist, and migrations that rebuild the table "
                "fail."
            ),
            instead=_(
                "Delete these rows, bring back what they point at, or set the column to NULL where "
                "it may be. Something writes with foreign keys off: see dbhealth.L003."
            ),
        )


def _looked_up(rowids: Sequence[int]) -> str:
    if not rowids:
        return _("SQLite looked each of them up.")
    return _(
        "SQLite looked each of them up. Rows: {rowids}.",
        rowids=listed([str(rowid) for rowid in rowids]),
    )


def _tables(context: Context) -> tuple[TableCondition, ...]:
    report = context.memo("file.spans", lambda: context.backend.conditions.report(sizes=False))
    least = context.thresholds["statistics_rows"]
    return tuple(item for item in report.tables if (item.rows or 0) >= least and item.rows)


@register("dbhealth.L009", title=_("Tables have no statistics"), feature="is_a_file")
def missing_statistics(context: Context) -> Iterator[Finding]:
    """Find large tables that ANALYZE has never seen."""
    # The numbers of rows may be far apart: only what really has so many rows is spoken of.
    least = int(context.thresholds["statistics_rows"])
    names = [
        item.table
        for item in _tables(context)
        if item.analyzed_rows is None and context.backend.file.has_rows(item.table, least)
    ]
    if names:
        yield context.finding(
            Level.WARNING,
            ngettext(
                "Never analyzed: {number:,} large table, {tables}.",
                "Never analyzed: {number:,} large tables, {tables}.",
                len(names),
                tables=listed(names),
            ),
            value=len(names),
            threshold=1,
            unit="tables",
            why=_("The planner guesses which index is the better one, and may read the wrong way."),
            instead=_(
                "Analyze, and let PRAGMA optimize do it from time to time; manage.py vacuum does "
                "both."
            ),
            sql=(context.backend.file.cures.analyze,),
        )


@register("dbhealth.L010", title=_("Tables have outgrown their statistics"), feature="is_a_file")
def outgrown_statistics(context: Context) -> Iterator[Finding]:
    """Find tables that are many times as large as when ANALYZE saw them."""
    bound = context.thresholds["statistics_growth"]
    grown = [
        (item, (item.rows or 0) / max(item.analyzed_rows, 1))
        for item in _tables(context)
        if item.analyzed_rows is not None
    ]
    grown = [(item, times) for item, times in grown if times >= bound]
    if grown:
        yield context.finding(
            Level.WARNING,
            ngettext(
                "{number:,} table has grown many times since ANALYZE: {tables}.",
                "{number:,} tables have grown many times since ANALYZE: {tables}.",
                len(grown),
                tables=listed(
                    [
                        _("{table} ({times:.0f} times)", table=item.table, times=times)
                        for item, times in grown
                    ]
                ),
            ),
            value=max(times for _item, times in grown),
            threshold=bound,
            unit="times",
            confidence=Confidence.LOW,
            reasons=(_("Rows that were deleted in between count as if they were there."),),
            why=_("The planner chooses indexes for the table as it was."),
            instead=_("Analyze; or let PRAGMA optimize do it from time to time."),
            sql=(context.backend.file.cures.analyze,),
        )
