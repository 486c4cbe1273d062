"""Connections against what the server, the database and the role allow: S006."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dbhealth.backends.server_records import ServerSession
from dbhealth.health.checks.readings import rights, sessions
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import percent
from dbhealth.saying import joined
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


@register("dbhealth.S006", title=_("Connections are running out"), feature="has_sessions")
def connections(context: Context) -> Iterator[Finding]:
    """Compare sessions with max_connections less the reserved ones, and with narrower limits."""
    limits = context.memo("server.limits", context.backend.server.limits)
    role = rights(context).role
    clients = [item for item in sessions(context) if item.kind == "client backend"]
    here = [item for item in clients if item.here]
    mine = [item for item in clients if item.role == role]
    yield from _compare(context, "", clients, limits.server - limits.reserved, _("the server"))
    yield from _compare(context, "database", here, limits.database, _("the database"))
    of_role = _("the role {role}", role=role)
    yield from _compare(context, f"role {role}", mine, limits.role, of_role)


def _compare(
    context: Context, object: str, found: Sequence[ServerSession], limit: int | None, what: str
) -> Iterator[Finding]:
    bound = context.thresholds["connections_share"]
    if limit is None:
        return
    used = len(found) + 1  # this one
    share = used / limit if limit > 0 else 1.0
    if not share >= bound:
        return
    idle = sum(item.state == "idle" for item in found)
    hidden = sum(item.hidden for item in found)
    users = Counter(item.application or item.role or _("no name") for item in found)
    most = joined(
        _("{name}: {count}", name=name, count=count) for name, count in users.most_common(5)
    )
    yield context.finding(
        Level.ERROR if share >= (1 + bound) / 2 else Level.WARNING,
        _(
            "{used} of {limit} connections that {allowing} allows are taken ({share}), {idle} of "
            "them idle.",
            used=used,
            limit=limit,
            allowing=what,
            share=percent(share),
            idle=idle,
        ),
        object=object,
        value=share,
        threshold=bound,
        unit="share",
        confidence=Confidence.MEDIUM if hidden else Confidence.HIGH,
        reasons=(
            _("By name: {most}.", most=most),
            *(
                [
                    _(
                        "{hidden} cannot be told apart from workers.",
                        hidden=ngettext("{number:,} session", "{number:,} sessions", hidden),
                    )
                ]
                * bool(hidden)
            ),
        ),
        why=_(
            "The next one is refused (FATAL: sorry, too many clients already): the site is down "
            "for whoever gets it."
        ),
        instead=_(
            "Mostly idle: share them, with a pool in Django or a pooler such as PgBouncer, or "
            "shorten CONN_MAX_AGE. Mostly active: find what is slow first. Raising max_connections "
            "takes a restart and memory for each."
        ),
        change=_("DATABASES[…]['OPTIONS']['pool'] = {'max_size': 4}; or a smaller CONN_MAX_AGE"),
    )
