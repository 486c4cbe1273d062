"""Sessions that stay too long: S001 to S004."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.server_records import ServerSession
from dbhealth.health.checks.readings import prepared, sessions
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

_CLIENT = "client backend"
_DUMPS = ("pg_dump", "pg_dumpall", "pg_basebackup")

_KEEPS = _(
    "VACUUM removes no row, in any table of this database, that died after the transaction began."
)


def _held_back(age: int) -> str:
    return ngettext(
        "It holds back {number:,} transaction from VACUUM.",
        "It holds back {number:,} transactions from VACUUM.",
        age,
    )


def _clients(context: Context) -> Iterator[ServerSession]:
    for session in sessions(context):
        if session.here and session.kind == _CLIENT and not session.hidden:
            yield session


def _is_alone(session: ServerSession) -> bool:
    """Return whether the running statement is the first one of its transaction."""
    if session.transaction is None or session.statement is None:
        return True
    return session.transaction - session.statement < 0.05


@register("dbhealth.S001", title=_("A statement has been running for long"), feature="has_sessions")
def long_statements(context: Context) -> Iterator[Finding]:
    """Find statements that have been running for long; those of dbhealth's runs are left out."""
    bound = context.thresholds["long_query"]
    for session in _clients(context):
        seconds = session.statement
        if session.state != "active" or session.ours or seconds is None or not seconds >= bound:
            continue
        is_dump = session.application in _DUMPS
        yield context.finding(
            Level.INFO if is_dump else Level.WARNING,
            _(
                "The {label} has been running one statement for {seconds}: {query}",
                label=session.label,
                seconds=duration(seconds),
                query=session.query,
            ),
            object=f"session {session.pid}",
            value=seconds,
            threshold=bound,
            unit="seconds",
            confidence=Confidence.MEDIUM,
            reasons=(
                _("It is a dump, which takes as long as the data is large.")
                if is_dump
                else _("A report or a migration may be meant to take that long."),
            ),
            why=_("It holds its locks and a connection until it ends. {keeps}", keeps=_KEEPS),
            instead=_(
                "Look at its plan (EXPLAIN): a missing index is the usual cause. Cancel it if "
                "nobody waits for it, and give such sessions a statement_timeout."
            ),
            sql=(context.backend.server.cures.cancel(session.pid),),
            change=_("DATABASES[…]['OPTIONS']['options'] = '-c statement_timeout=60s'"),
        )


@register("dbhealth.S002", title=_("A transaction is open for long"), feature="has_sessions")
def long_transactions(context: Context) -> Iterator[Finding]:
    """Find old transactions of several statements; a single statement is S001's."""
    bound, idle = context.thresholds["long_transaction"], context.thresholds["idle_in_transaction"]
    for session in _clients(context):
        seconds = session.transaction
        if seconds is None or not seconds >= bound or session.ours:
            continue
        waits = session.idles_in_transaction
        if (waits and (session.in_state or 0) >= idle) or (not waits and _is_alone(session)):
            continue
        yield context.finding(
            Level.WARNING,
            _(
                "The {label} has had one transaction open for {seconds}; its statement now: "
                "{query}",
                label=session.label,
                seconds=duration(seconds),
                query=session.query,
            ),
            object=f"session {session.pid}",
            value=seconds,
            threshold=bound,
            unit="seconds",
            reasons=_holds(session),
            why=_("What it has locked stays locked. {keeps}", keeps=_KEEPS),
            instead=_(
                "Commit more often: work in batches, each in a transaction of its own, and leave "
                "out of transaction.atomic() what needs no transaction."
            ),
            sql=(context.backend.server.cures.terminate(session.pid),),
            change=_("Put transaction.atomic() around one batch instead of around the loop."),
        )


def _holds(session: ServerSession) -> tuple[str, ...]:
    return (_held_back(session.xmin_age),) if session.xmin_age else ()


@register("dbhealth.S003", title=_("A session idles in a transaction"), feature="has_sessions")
def idle_in_transaction(context: Context) -> Iterator[Finding]:
    """Find sessions whose transaction is open while their client does something else."""
    bound = context.thresholds["idle_in_transaction"]
    for session in _clients(context):
        seconds = session.in_state
        if not session.idles_in_transaction or seconds is None or not seconds >= bound:
            continue
        yield context.finding(
            Level.WARNING,
            _(
                "The {label} has idled in a transaction for {seconds} after: {query}",
                label=session.label,
                seconds=duration(seconds),
                query=session.query,
            ),
            object=f"session {session.pid}",
            value=seconds,
            threshold=bound,
            unit="seconds",
            reasons=_holds(session),
            why=_("It does nothing, and what it has locked stays locked. {keeps}", keeps=_KEEPS),
            instead=_(
                "The program waits for something else (a request to another server, a person) "
                "inside transaction.atomic(): do that before or after. End the session if it is "
                "lost, and let the server end such sessions."
            ),
            sql=(context.backend.server.cures.terminate(session.pid),),
            change=_(
                "DATABASES[…]['OPTIONS']['options'] = '-c idle_in_transaction_session_timeout=60s'"
            ),
        )


@register("dbhealth.S004", title=_("A prepared transaction is left open"), feature="has_sessions")
def prepared_transactions(context: Context) -> Iterator[Finding]:
    """Find transactions of two-phase commit that nobody has ended."""
    bound = context.thresholds["long_transaction"]
    cures = context.backend.server.cures
    for item in prepared(context):
        if not item.here or not item.seconds >= bound:
            continue
        yield context.finding(
            Level.ERROR,
            _(
                "The transaction {gid!r} of {owner} has been prepared for {seconds}, and nobody "
                "has ended it.",
                gid=item.gid,
                owner=item.owner,
                seconds=duration(item.seconds),
            ),
            object=f"prepared transaction {item.gid}",
            value=item.seconds,
            threshold=bound,
            unit="seconds",
            reasons=(_held_back(item.xmin_age),),
            why=_(
                "No session belongs to it: it outlives restarts, keeps its locks, and in the end "
                "the server stops for want of transaction ids."
            ),
            instead=_(
                "Ask the program that coordinates it what has become of it, then run one of the "
                "two. Where no such program is meant to exist, set max_prepared_transactions to 0."
            ),
            sql=cures.end_prepared(item.gid),
        )
