"""The statements that cost the most time: S018."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbhealth.backends.server_records import CostlyStatement
from dbhealth.health.checks.readings import rights
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration, percent
from dbhealth.saying import say as _

NORMALIZED = re.compile(
    r"(\s|/\*.*?\*/|--[^\n]*\n|\()*(select|with|insert|update|delete|merge|values|table)\b",
    re.IGNORECASE | re.DOTALL,
)
"""Statements of which pg_stat_statements keeps no values: of others a finding would tell them.
https://www.postgresql.org/docs/current/pgstatstatements.html"""


@register("dbhealth.S018", title=_("One statement takes much of all time"), feature="has_sessions")
def costly(context: Context) -> Iterator[Finding]:
    """Look at what pg_stat_statements counts; where it does not, S012 says so."""
    server, own = context.backend.server, rights(context)
    found = server.costly_statements()
    if found and not own.sees_others:
        what = _("which statements of others cost time")
        context.lacks(server.cures.see_sessions(own.role), what)
    for item in found:
        if not _matters(context, item):
            continue
        text = server.statement_text(item.number)
        if text and NORMALIZED.match(text):
            yield _finding(context, item, text)


def _matters(context: Context, item: CostlyStatement) -> bool:
    bounds = context.thresholds
    return (
        item.share >= bounds["statement_share"]
        and item.calls >= bounds["statement_calls"]
        and item.seconds / item.calls >= bounds["statement_mean"]
        and item.seconds >= bounds["statement_seconds"]
    )


def _finding(context: Context, item: CostlyStatement, text: str) -> Finding:
    mean = item.seconds / item.calls
    return context.finding(
        Level.INFO,
        _(
            "{share} of the time of all statements goes to one: {text}",
            share=percent(item.share),
            text=text,
        ),
        object=f"statement {item.number}",
        value=item.share,
        threshold=context.thresholds["statement_share"],
        unit="share",
        confidence=Confidence.MEDIUM,
        reasons=(
            _(
                "{calls:,} calls took {seconds}, {milliseconds:,.0f} ms each.",
                calls=item.calls,
                seconds=duration(item.seconds),
                milliseconds=mean * 1000,
            ),
            _("Counted since pg_stat_statements was reset last."),
        ),
        why=_("What is saved on it is saved for the whole server."),
        instead=_(
            "Look at its plan with values of a slow call (EXPLAIN with ANALYZE and BUFFERS). An "
            "index, fewer rows or a cache helps; where it is quick by itself, ask less often."
        ),
    )
