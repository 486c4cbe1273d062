"""The checks of what goes on for long: where updates go (V006), and how sizes grow (V007)."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.condition import TableCondition
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import percent, size
from dbhealth.maintenance.findings import conditions, counted
from dbhealth.maintenance.growth import Growth, SizeHistory
from dbhealth.saying import say as _

_ROOM = 10
"""How much of a page to leave for updates (percent)."""

_SHORT = _(
    "Every such update writes to all indexes of the table, and the old row waits for VACUUM."
)


@register("dbhealth.V006", title=_("Updates are dearer than they need be"), feature="has_sessions")
def updates(context: Context) -> Iterator[Finding]:
    """Look for updates that find no room in their page, or touch an index each time."""
    for table in counted(context):
        if (table.updates or 0) >= context.thresholds["updates"]:
            yield from _updates(context, table)


def _updates(context: Context, table: TableCondition) -> Iterator[Finding]:
    total, hot, moved = table.updates or 0, table.hot_updates or 0, table.new_page_updates
    since = conditions(context).source.since
    reasons = (
        _("Counted since {since}.", since=f"{since:%Y-%m-%d}")
        if since
        else _("Counted since the server began."),
    )
    has_room = any(option.startswith("fillfactor=") for option in table.options)
    if moved is not None and moved / total >= context.thresholds["new_page_share"]:
        if has_room:
            return  # somebody has seen to it; the counters tell of before as well
        yield context.finding(
            Level.INFO,
            _(
                "{share} of {total:,} updates of the table {table} found no room in the page of "
                "their row.",
                share=percent(moved / total),
                total=total,
                table=table.table,
            ),
            object=f"table {table.table}",
            value=moved / total,
            threshold=context.thresholds["new_page_share"],
            unit="share",
            confidence=Confidence.MEDIUM,
            reasons=reasons,
            why=_SHORT,
            instead=_(
                "Leave room in its pages; it counts for those that are written from then on."
            ),
            sql=(context.backend.conditions.cures.leave_room(table.table, _ROOM),),
        )
        return
    stayed = total - (moved or 0)
    if stayed and hot / stayed < context.thresholds["hot_share"]:
        yield context.finding(
            Level.INFO,
            _(
                "{share} of {stayed:,} updates of the table {table} did without a write to its "
                "indexes.",
                share=percent(hot / stayed),
                stayed=stayed,
                table=table.table,
            ),
            object=f"table {table.table}",
            value=hot / stayed,
            threshold=context.thresholds["hot_share"],
            unit="share",
            confidence=Confidence.MEDIUM if moved is not None else Confidence.LOW,
            reasons=reasons,
            why=_SHORT,
            instead=_(
                "See whether an index is on a column that every update changes, and whether that "
                "index is used (manage.py index_usage); or leave room in its pages."
            ),
            sql=()
            if has_room
            else (context.backend.conditions.cures.leave_room(table.table, _ROOM),),
        )


@register("dbhealth.V007", title=_("A database or a table grows quickly"))
def growth(context: Context) -> Iterator[Finding]:
    """Look at where the snapshots of db_stats lead."""
    backend = context.backend
    history = SizeHistory(context.alias, conditions(context).source)
    if not history.looks:
        return
    found = history.of_database(backend.statistics.database_bytes())
    # The name of the database is its alias, which stands beside the object already.
    if found is not None:
        yield from _growing(context, "", _("The database"), found)
    for table, grown in history.tables().items():
        yield from _growing(context, f"table {table}", _("The table {table}", table=table), grown)


def _growing(context: Context, name: str, words: str, found: Growth) -> Iterator[Finding]:
    if found.in_90_days is None or not found.now:
        return
    more = found.in_90_days - found.now
    share = more / found.now
    least = context.thresholds["growth_bytes"]
    if not (more >= least and share >= context.thresholds["growth_share"]):
        return
    yield context.finding(
        Level.INFO,
        _(
            "{grown} has {now} and will have {in_90_days} in 90 days.",
            grown=words,
            now=size(found.now),
            in_90_days=size(found.in_90_days),
        ),
        object=name,
        value=share,
        threshold=context.thresholds["growth_share"],
        unit="share",
        confidence=Confidence.MEDIUM,
        reasons=(
            _("It had {then} on {day}.", then=size(found.then), day=f"{found.since:%Y-%m-%d}"),
        ),
        why=_("A full disk stops every write, and backups take longer with each day."),
        instead=_(
            "See that disk and backups have room, or let old rows leave: give the table an archive "
            "policy (manage.py archive)."
        ),
    )
