"""Transaction ids that run out: V010, V011, V012.

https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbhealth.backends.server_records import Age, Ages
from dbhealth.health.checks.readings import prepared, sessions, slots
from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import listed, percent
from dbhealth.saying import say as _

IDS = 2**31
"""So many ids may lie between the oldest row and now; the server stops three million earlier."""

_WHY = _(
    "When all are used up the server takes no writes any more until a superuser has vacuumed, "
    "which takes hours on large tables."
)
_INSTEAD = _(
    "VACUUM the tables below, and what may hold it back first. Then find out why autovacuum did "
    "not: is it off for a table, cancelled by locks, or slower than the writes "
    "(autovacuum_vacuum_cost_delay, autovacuum_max_workers)?"
)


def _ages(context: Context) -> Ages:
    return context.memo("server.ages", context.backend.server.ages)


def _level(context: Context, share: float) -> Level | None:
    if share >= context.thresholds["wraparound_critical_share"]:
        return Level.CRITICAL
    return Level.WARNING if share >= context.thresholds["wraparound_share"] else None


def _holders(context: Context, age: int) -> tuple[str, ...]:
    """Return what keeps VACUUM from freezing: whatever is at least half as old."""
    old = [
        *((item.xmin_age, item.label) for item in sessions(context)),
        *((item.xmin_age, _("replication slot {slot}", slot=item.name)) for item in slots(context)),
        *(
            (item.xmin_age, _("prepared transaction {gid!r}", gid=item.gid))
            for item in prepared(context)
        ),
    ]
    found = sorted(((held, who) for held, who in old if held and 2 * held >= age), reverse=True)
    return tuple(
        _("VACUUM is held back by {holder} ({number:,} transactions).", holder=who, number=held)
        for held, who in found
    )


@register("dbhealth.V010", title=_("Transaction ids are running out"), feature="has_sessions")
def transaction_ids(context: Context) -> Iterator[Finding]:
    """Look at the oldest tables, the values that they keep elsewhere (TOAST) included."""
    found = [(item, item.xids) for item in _ages(context).by_xid]
    yield from _of_tables(context, found, _OLD_XIDS)


@register("dbhealth.V011", title=_("Multixact ids are running out"), feature="has_sessions")
def multixact_ids(context: Context) -> Iterator[Finding]:
    """Look at the tables with the oldest locks shared by several transactions."""
    found = [(item, item.mxids) for item in _ages(context).by_mxid]
    yield from _of_tables(context, found, _OLD_MXIDS)


_OLD_XIDS = _(
    "The oldest row is {age:,} transaction ids old, {share} of those that there are; the oldest "
    "tables: {tables}."
)
_OLD_MXIDS = _(
    "The oldest row is {age:,} multixact ids old, {share} of those that there are; the oldest "
    "tables: {tables}."
)


def _of_tables(context: Context, found: Sequence[tuple[Age, int]], title: str) -> Iterator[Finding]:
    old = [(item, age) for item, age in found if _level(context, age / IDS)]
    if not old:
        return
    age = old[0][1]
    cures = context.backend.server.cures
    yield context.finding(
        _level(context, age / IDS) or Level.WARNING,
        title.format(
            age=age,
            share=percent(age / IDS),
            tables=listed([item.name for item, _age in old]),
        ),
        value=age / IDS,
        threshold=context.thresholds["wraparound_share"],
        unit="share",
        reasons=_holders(context, age),
        why=_WHY,
        instead=_INSTEAD,
        sql=(
            *(cures.freeze(item.name) for item, _age in old),
            # Five are read; where all five are old there may be more.
            *([cures.freeze_database()] if len(old) == len(found) else []),
        ),
    )


@register(
    "dbhealth.V012",
    title=_("Another database is running out of transaction ids"),
    feature="has_sessions",
)
def other_databases(context: Context) -> Iterator[Finding]:
    """Look at the other databases of the server, which stops for all of them."""
    for item in _ages(context).databases:
        share = max(item.xids, item.mxids) / IDS
        level = _level(context, share)
        if level is None:
            continue
        yield context.finding(
            level,
            _(
                "The database {name} on this server is {xids:,} transaction ids and {mxids:,} "
                "multixact ids old, {share} of those that there are.",
                name=item.name,
                xids=item.xids,
                mxids=item.mxids,
                share=percent(share),
            ),
            object=f"database {item.name}",
            value=share,
            threshold=context.thresholds["wraparound_share"],
            unit="share",
            why=_("{consequence} That is so for every database of the server.", consequence=_WHY),
            instead=_(
                "Connect to that database and vacuum it there; what may not be connected to "
                "(template0) autovacuum freezes alone."
            ),
            sql=(context.backend.server.cures.freeze_database(),),
        )
