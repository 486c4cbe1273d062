"""Sessions that stay too long: S001 to S004."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.server_records import ServerSession
from dbhealth.health.checks.readings import prepared, sessions
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import counted, duration

_CLIENT = "client backend"
_DUMPS = ("pg_dump", "pg_dumpall", "pg_basebackup")

_KEEPS = (
    "VACUUM removes no row, in any table of this database, that died after the transaction began."
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


@register("dbhealth.S001", title="A statement has been running for long", feature="has_sessions")
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
            f"The {session.label} has been running one statement for {duration(seconds)}: "
            f"{session.query}",
            object=f"session {session.pid}",
            value=seconds,
            threshold=bound,
            unit="seconds",
            confidence=Confidence.MEDIUM,
            reasons=(
                "It is a dump, which takes as long as the data is large."
                if is_dump
                else "A report or a migration may be meant to take that long.",
            ),
            why=f"It holds its locks and a connection until it ends. {_KEEPS}",
            instead="Look at its plan (EXPLAIN): a missing index is the usual cause. Cancel it if "
            "nobody waits for it, and give such sessions a statement_timeout.",
            sql=(context.backend.server.cures.cancel(session.pid),),
            change="DATABASES[…]['OPTIONS']['options'] = '-c statement_timeout=60s'",
        )


@register("dbhealth.S002", title="A transaction is open for long", feature="has_sessions")
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
            f"The {session.label} has had one transaction open for {duration(seconds)}; its "
            f"statement now: {session.query}",
            object=f"session {session.pid}",
            value=seconds,
            threshold=bound,
            unit="seconds",
            reasons=_holds(session),
            why=f"What it has locked stays locked. {_KEEPS}",
            instead="Commit more often: work in batches, each in a transaction of its own, and "
            "leave out of transaction.atomic() what needs no transaction.",
            sql=(context.backend.server.cures.terminate(session.pid),),
            change="Put transaction.atomic() around one batch instead of around the loop.",
        )


def _holds(session: ServerSession) -> tuple[str, ...]:
    if not session.xmin_age:
        return ()
    return (f"It holds back {counted(session.xmin_age, 'transaction')} from VACUUM.",)


@register("dbhealth.S003", title="A session idles in a transaction", feature="has_sessions")
def idle_in_transaction(context: Context) -> Iterator[Finding]:
    """Find sessions whose transaction is open while their client does something else."""
    bound = context.thresholds["idle_in_transaction"]
    for session in _clients(context):
        seconds = session.in_state
        if not session.idles_in_transaction or seconds is None or not seconds >= bound:
            continue
        yield context.finding(
            Level.WARNING,
            f"The {session.label} has idled in a transaction for {duration(seconds)} after: "
            f"{session.query}",
            object=f"session {session.pid}",
            value=seconds,
            threshold=bound,
            unit="seconds",
            reasons=_holds(session),
            why=f"It does nothing, and what it has locked stays locked. {_KEEPS}",
            instead="The program waits for something else (a request to another server, a person) "
            "inside transaction.atomic(): do that before or after. End the session if it is lost, "
            "and let the server end such sessions.",
            sql=(context.backend.server.cures.terminate(session.pid),),
            change="DATABASES[…]['OPTIONS']['options'] = "
            "'-c idle_in_transaction_session_timeout=60s'",
        )


@register("dbhealth.S004", title="A prepared transaction is left open", feature="has_sessions")
def prepared_transactions(context: Context) -> Iterator[Finding]:
    """Find transactions of two-phase commit that nobody has ended."""
    bound = context.thresholds["long_transaction"]
    cures = context.backend.server.cures
    for item in prepared(context):
        if not item.here or not item.seconds >= bound:
            continue
        yield context.finding(
            Level.ERROR,
            f"The transaction {item.gid!r} of {item.owner} has been prepared for "
            f"{duration(item.seconds)}, and nobody has ended it.",
            object=f"prepared transaction {item.gid}",
            value=item.seconds,
            threshold=bound,
            unit="seconds",
            reasons=(f"It holds back {counted(item.xmin_age, 'transaction')} from VACUUM.",),
            why="No session belongs to it: it outlives restarts, keeps its locks, and in the end "
            "the server stops for want of transaction ids.",
            instead="Ask the program that coordinates it what has become of it, then run one of "
            "the two. Where no such program is meant to exist, set max_prepared_transactions to 0.",
            sql=cures.end_prepared(item.gid),
        )
