"""Who keeps others waiting: S005."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dbhealth.backends.server_records import ServerSession, Waiter
from dbhealth.health.checks.readings import sessions, waiters
from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration, listed
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

PREPARED = 0
"""The number that pg_blocking_pids() has for a prepared transaction."""


@dataclass
class _Queue:
    """Those whom one session keeps waiting, be it through others that wait for it themselves."""

    seconds: float = 0.0
    pids: set[int] = field(default_factory=set)
    about: set[str] = field(default_factory=set)


@register("dbhealth.S005", title=_("A session keeps others waiting"), feature="has_sessions")
def blocked(context: Context) -> Iterator[Finding]:
    """Find sessions for whose locks others wait: the first of each queue, not those between."""
    bound = context.thresholds["blocked"]
    waiting = waiters(context)
    if not waiting:
        return
    known = {session.pid: session for session in sessions(context)}
    for pid, queue in sorted(_queues(waiting).items()):
        if not queue.seconds >= bound:
            continue
        yield _finding(context, pid, queue, known.get(pid), bound)


def _queues(waiting: tuple[Waiter, ...]) -> dict[int, _Queue]:
    by_pid = {item.pid: item for item in waiting}
    found: dict[int, _Queue] = {}
    for item in waiting:
        for first in _first(item, by_pid):
            queue = found.setdefault(first, _Queue())
            queue.pids.add(item.pid)
            queue.about.add(item.about)
            queue.seconds = max(queue.seconds, item.seconds)
    return found


def _first(waiter: Waiter, by_pid: Mapping[int, Waiter]) -> set[int]:
    """Return those at the head of the queue; in a circle (a deadlock to be) all of it."""
    found, seen, ahead = set(), {waiter.pid}, list(waiter.blockers)
    while ahead:
        pid = ahead.pop()
        if pid in by_pid and pid not in seen:
            ahead += by_pid[pid].blockers
        elif pid not in by_pid:
            found.add(pid)
        seen.add(pid)
    return found or set(waiter.blockers)


def _finding(
    context: Context, pid: int, queue: _Queue, session: ServerSession | None, bound: float
) -> Finding:
    cures = context.backend.server.cures
    sql: tuple[str, ...] = () if pid == PREPARED else (cures.terminate(pid),)
    if session is not None and not session.hidden and session.state == "active":
        sql = (cures.cancel(pid), *sql)
    return context.finding(
        Level.ERROR,
        _title(pid, queue, session),
        object=f"session {pid}" if pid else "prepared transactions",
        value=queue.seconds,
        threshold=bound,
        unit="seconds",
        reasons=(
            _(
                "Waiting: {sessions}.",
                sessions=listed([_("session {pid}", pid=pid) for pid in sorted(queue.pids)], 10),
            ),
        ),
        why=_(
            "Whoever waits holds a connection, and often other locks that still others wait for."
        ),
        instead=(
            _("See dbhealth.S004 for the prepared transactions, and end the one that is left over.")
            if pid == PREPARED
            else _(
                "Let it finish if it is nearly done; else cancel its statement, and only then end "
                "the session. Migrations on busy tables need a lock_timeout."
            )
        ),
        sql=sql,
        change=""
        if pid == PREPARED
        else _("DATABASES[…]['OPTIONS']['options'] = '-c lock_timeout=2s' where migrate runs"),
    )


def _title(pid: int, queue: _Queue, session: ServerSession | None) -> str:
    waiting = ngettext(
        "{number:,} session waiting, the longest for {time} ({about})",
        "{number:,} sessions waiting, the longest for {time} ({about})",
        len(queue.pids),
        time=duration(queue.seconds),
        about=listed(sorted(queue.about)),
    )
    if pid == PREPARED:
        return _("A prepared transaction keeps {waiting}", waiting=waiting)
    if session is None:
        return _("Session {pid} keeps {waiting}", pid=pid, waiting=waiting)
    if session.hidden or not session.state:
        return _("The {session} keeps {waiting}", session=session.label, waiting=waiting)
    if session.state == "active":
        return _(
            "The {session} keeps {waiting}; it runs: {query}",
            session=session.label,
            waiting=waiting,
            query=session.query,
        )
    return _(
        "The {session} keeps {waiting}; it is {state} after: {query}",
        session=session.label,
        waiting=waiting,
        state=session.state,
        query=session.query,
    )
