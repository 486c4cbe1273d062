"""The checks of tables and of the server's own upkeep: V001 to V007.

All of them share one reading of how the tables stand. docs/stats.md has the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.condition import Conditions, Due, TableCondition
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import listed, percent, size
from dbhealth.saying import say as _


def conditions(context: Context) -> Conditions:
    """Return how the tables stand, read once for all checks; a standby counts nothing itself."""
    return context.memo(
        "maintenance.conditions", lambda: context.backend.conditions.report(sizes=False)
    )


def counted(context: Context) -> tuple[TableCondition, ...]:
    """Return the tables where this server itself counts what becomes of their rows."""
    report = conditions(context)
    return () if report.source.replica else report.tables


def _behind(context: Context, table: TableCondition) -> float:
    """Return how many times as many rows there are as autovacuum waits for; 0 where few."""
    limits, least = table.autovacuum, context.thresholds["dead_rows"]
    if limits is None or not limits.vacuum_due:
        return 0.0
    found = [0.0]
    if Due.DEAD in limits.due and (dead := table.dead_rows or 0) >= least:
        found.append(dead / max(limits.dead, 1))
    if Due.INSERTED in limits.due and (inserted := table.inserted_rows or 0) >= least:
        found.append(inserted / max(limits.inserted or 0, 1))
    return max(found)


def _since(table: TableCondition) -> str:
    at = table.vacuumed_at
    return (
        _("It was last vacuumed {at}.", at=f"{at:%Y-%m-%d %H:%M}")
        if at
        else _("No VACUUM of it is known.")
    )


_DUE = {
    Due.DEAD: _("dead rows"),
    Due.INSERTED: _("inserted rows"),
    Due.AGE: _("transaction age"),
    Due.MULTIXACT_AGE: _("multixact age"),
    Due.TOAST: _("TOAST"),
    Due.CHANGED: _("changed rows"),
}


@register("dbhealth.V001", title=_("Many rows of a table are dead"), feature="has_sessions")
def dead_rows(context: Context) -> Iterator[Finding]:
    """Look for dead rows that autovacuum does not see as its business."""
    least, share = context.thresholds["dead_rows"], context.thresholds["dead_share"]
    for table in counted(context):
        dead, part = table.dead_rows or 0, table.dead_share or 0.0
        if not (dead >= least and part >= share):
            continue
        if _behind(context, table) >= context.thresholds["autovacuum_behind"]:
            continue  # that is V002
        cures, limits = context.backend.conditions.cures, table.autovacuum
        # Where it is off, V003 says so; where its limit is far, it can be brought nearer.
        is_far = limits is not None and limits.enabled and limits.dead > least
        yield context.finding(
            Level.WARNING,
            _(
                "{dead:,} rows of the table {table} are dead, {part} of all.",
                dead=dead,
                table=table.table,
                part=percent(part),
            ),
            object=f"table {table.table}",
            value=part,
            threshold=share,
            unit="share",
            reasons=(_since(table),),
            why=_("Every scan reads them, and their room is of no use to new rows."),
            instead=_(
                "VACUUM the table, and let autovacuum come sooner. Where dead rows stay, an old "
                "transaction, a replication slot or a prepared transaction may still see them."
            ),
            sql=(
                cures.vacuum(table.table),
                *([cures.sooner(table.table, int(least))] if is_far else []),
            ),
        )


@register("dbhealth.V002", title=_("Autovacuum is behind"), feature="has_sessions")
def autovacuum_behind(context: Context) -> Iterator[Finding]:
    """Look for tables that are past autovacuum's own limits by far."""
    threshold = context.thresholds["autovacuum_behind"]
    for table in counted(context):
        times = _behind(context, table)
        if not (limits := table.autovacuum) or not times >= threshold:
            continue
        what = _(
            "{dead_rows:,} dead rows (it waits for {dead:,.0f})",
            dead_rows=table.dead_rows,
            dead=limits.dead,
        )
        if Due.DEAD not in limits.due:
            what = _(
                "{inserted_rows:,} inserted rows (it waits for {inserted:,.0f})",
                inserted_rows=table.inserted_rows,
                inserted=limits.inserted,
            )
        yield context.finding(
            Level.WARNING,
            _("Autovacuum is behind with the table {table}: {what}.", table=table.table, what=what),
            object=f"table {table.table}",
            value=times,
            threshold=threshold,
            unit="times",
            reasons=(
                _since(table),
                _("It is due for its {limits}.", limits=listed([_DUE[why] for why in limits.due])),
            ),
            why=_(
                "The table grows while nobody gives back the room of its dead rows, and its pages "
                "are not marked for index-only scans."
            ),
            instead=_(
                "VACUUM the table now. Then see what keeps autovacuum from it: workers that are "
                "busy or slow (autovacuum_max_workers, autovacuum_vacuum_cost_delay), locks that "
                "send it away, or an old transaction that may still see the rows."
            ),
            sql=(context.backend.conditions.cures.vacuum(table.table),),
        )


_OFF = _(
    "Dead rows stay and the planner's statistics grow old, until the vacuum against wraparound "
    "comes at a time of its own."
)


@register("dbhealth.V003", title=_("Autovacuum is off"), feature="has_sessions")
def autovacuum_off(context: Context) -> Iterator[Finding]:
    """Look whether the server, or somebody for a table, has switched it off."""
    if conditions(context).autovacuum is False:
        cures = context.backend.server.cures
        yield context.finding(
            Level.ERROR,
            _("autovacuum or track_counts is off on this server."),
            why=_OFF,
            instead=_("Switch both on; that is how the server comes."),
            sql=(cures.set("autovacuum", "on")[0], *cures.set("track_counts", "on")),
        )
    for table in conditions(context).tables:
        if table.autovacuum is None or table.autovacuum.enabled:
            continue
        is_small = (table.rows or 0) < context.thresholds["dead_rows"]
        yield context.finding(
            Level.INFO if is_small else Level.WARNING,
            _("Autovacuum is switched off for the table {table}.", table=table.table),
            object=f"table {table.table}",
            reasons=(_since(table),),
            why=_OFF,
            instead=_(
                "Switch it on again, unless a job of your own vacuums and analyzes the table."
            ),
            sql=(context.backend.conditions.cures.let_autovacuum(table.table),),
        )


@register("dbhealth.V004", title=_("Statistics are missing or stale"), feature="has_sessions")
def statistics(context: Context) -> Iterator[Finding]:
    """Look for large tables that the planner knows nothing of, or what has long changed."""
    tables = counted(context)
    inside: dict[str, int] = {}
    # A partition stands behind its parent by name as often as not: several levels add up.
    parents = {table.table: table.parent for table in tables}
    for table in tables:
        above = table.parent
        while above:
            inside[above] = inside.get(above, 0) + (table.rows or 0)
            above = parents[above]
    for table in tables:
        rows = inside.get(table.table, table.rows or 0)
        changed, least = table.changed_rows or 0, context.thresholds["changed_rows"]
        share = changed / rows if rows else 0.0
        if table.analyzed_rows is None and rows >= least:
            says = _(
                "The planner has no statistics of the table {table} ({rows:,} rows).",
                table=table.table,
                rows=rows,
            )
        elif changed >= least and share >= context.thresholds["changed_share"]:
            says = _(
                "{changed:,} rows of the table {table} have changed since its last ANALYZE, "
                "{share} of all.",
                changed=changed,
                table=table.table,
                share=percent(share),
            )
        else:
            continue
        at = table.analyzed_at
        yield context.finding(
            Level.WARNING,
            says,
            object=f"table {table.table}",
            value=share if table.analyzed_rows is not None else None,
            threshold=context.thresholds["changed_share"],
            unit="share",
            reasons=(
                _("It was last analyzed {at}.", at=f"{at:%Y-%m-%d %H:%M}")
                if at
                else _("Nobody analyzed it."),
            ),
            why=_(
                "The planner guesses how many rows a condition finds, and takes a plan that is "
                "good for another table."
            ),
            instead=_("ANALYZE it. Autovacuum never analyzes a partitioned table as a whole.")
            if table.kind == "partitioned table"
            else _("ANALYZE it, and see why autovacuum has not."),
            sql=(context.backend.conditions.cures.analyze(table.table),),
        )


@register("dbhealth.V005", title=_("A table is bloated"), feature="has_sessions")
def bloat(context: Context) -> Iterator[Finding]:
    """Look at the large tables only; a small one wastes little."""
    least, share = context.thresholds["bloat_bytes"], context.thresholds["bloat_share"]
    report = conditions(context)
    large = [table for table in report.tables if (table.bytes or 0) >= least and table.rows]
    context.leave_out(name for name in report.left_out if name in {t.table for t in large})
    for found in context.backend.conditions.estimated_bloat(large):
        if not (found.wasted_bytes >= least and found.share >= share):
            continue
        yield context.finding(
            Level.WARNING,
            _(
                "{wasted_bytes} of the {bytes} of the table {table} hold no rows ({share}).",
                wasted_bytes=size(found.wasted_bytes),
                bytes=size(found.bytes),
                table=found.table,
                share=percent(found.share),
            ),
            object=f"table {found.table}",
            value=found.wasted_bytes,
            threshold=least,
            unit="bytes",
            confidence=Confidence.MEDIUM,
            reasons=(
                _("The figure is {source}.", source=found.source),
                _("New rows will fill the room again."),
            ),
            why=_("Every scan of the whole table reads it, and so does every backup."),
            instead=_(
                "Measure it with db_stats --exact. Where the room is not wanted again, write the "
                "table anew: nobody can read it meanwhile, and the disk must have room for it; "
                "pg_repack does it beside readers and writers."
            ),
            sql=(context.backend.conditions.cures.rewrite(found.table),),
        )
