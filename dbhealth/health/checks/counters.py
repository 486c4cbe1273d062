"""What a database counts: S016 temporary files, S017 deadlocks."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.server_records import Counters
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration, size
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

_DAY = 86_400.0


def counters(context: Context) -> Counters:
    """Return the counters of the database, read once for all checks."""
    return context.memo("server.counters", context.backend.server.counters)


def _a_day(number: int, found: Counters) -> float:
    """Return how many come to a day; what came in the first one counts as a whole day's."""
    return number / max(found.seconds / _DAY, 1.0)


def _since(found: Counters) -> tuple[str, ...]:
    return (
        _(
            "Counted for {seconds}; pg_stat_reset() begins anew, with all other statistics of the "
            "database.",
            seconds=duration(found.seconds),
        ),
    )


@register("dbhealth.S016", title=_("Much is written to temporary files"), feature="has_sessions")
def temporary_files(context: Context) -> Iterator[Finding]:
    """Compare what sorts and hashes write to disk with what is much for a day."""
    found, bound = counters(context), context.thresholds["temporary_bytes"]
    daily = _a_day(found.temporary_bytes, found)
    if not daily >= bound:
        return
    yield context.finding(
        Level.INFO,
        _(
            "{daily} a day go to temporary files, {temporary_files} in all.",
            daily=size(daily),
            temporary_files=ngettext("{number:,} file", "{number:,} files", found.temporary_files),
        ),
        value=daily,
        threshold=bound,
        unit="bytes",
        confidence=Confidence.MEDIUM,
        reasons=_since(found),
        why=_(
            "Sorts, hashes and index builds that do not fit work_mem go by way of the disk: the "
            "statement takes longer, and everybody's reads wait for it."
        ),
        instead=_(
            "See which statements they are (temp_blks_written in pg_stat_statements, or the log "
            "with log_temp_files = 0). Give them an index in the order they sort by, or fewer "
            "rows; else raise work_mem for the role or the session that runs them, not for all."
        ),
    )


@register("dbhealth.S017", title=_("Transactions run into deadlocks"), feature="has_sessions")
def deadlocks(context: Context) -> Iterator[Finding]:
    """Compare the deadlocks of a day with how many there may be."""
    found, bound = counters(context), context.thresholds["deadlocks"]
    daily = _a_day(found.deadlocks, found)
    if not daily >= bound:
        return
    yield context.finding(
        Level.WARNING,
        _(
            "Deadlocks: {daily:.3g} a day, {deadlocks:,} in all.",
            daily=daily,
            deadlocks=found.deadlocks,
        ),
        value=daily,
        threshold=bound,
        unit="deadlocks",
        reasons=_since(found),
        why=_(
            "Each ends one transaction with an error (OperationalError: deadlock detected), after "
            "both have waited for deadlock_timeout."
        ),
        instead=_(
            "The server's log has both statements of each. Lock rows in one order everywhere: "
            "order_by('pk') with select_for_update(), and sort what bulk_update() is given; keep "
            "transactions short, and try again where it happens all the same."
        ),
    )
