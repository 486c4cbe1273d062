"""What an index stands for beside itself: the use of those that it makes superfluous.

A verdict that takes an index away sends its searches to the one that stands in for it. That one is
judged by the use of all of them, or two verdicts that are each right take both away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

from dbhealth.backends.index_records import IndexUse
from dbhealth.indexes.evidence import Key
from dbhealth.indexes.past import Past
from dbhealth.indexes.verdict_records import Subject
from dbhealth.indexes.verdict_shape import Superseded
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


class Heir(NamedTuple):
    """An index with the use of all that it stands in for, and what snapshots know of them all.

    ``takes_over`` says whose scans it takes over, as a sentence; empty where there are none.
    """

    subject: Subject
    past: Past | None
    takes_over: str


def heirs(
    subjects: Sequence[Subject], others: Mapping[str, Superseded], past: Mapping[Key, Past]
) -> dict[str, Heir]:
    """Return the indexes of one table that stand in for others, by their names.

    ``others`` are the superseded ones. One that is superseded itself passes on what it takes over.
    """
    taken: dict[str, list[Subject]] = {}
    for subject in subjects:
        by = others.get(subject.index.name)
        while by is not None:
            taken.setdefault(by.by.index.name, []).append(subject)
            by = others.get(by.by.index.name)
    return {
        subject.index.name: _heir(subject, taken[subject.index.name], past)
        for subject in subjects
        if subject.index.name in taken
    }


def _heir(subject: Subject, taken: Sequence[Subject], past: Mapping[Key, Past]) -> Heir:
    return Heir(
        replace(subject, use=_of_all([subject.use, *(item.use for item in taken)])),
        _known_of_all(subject, taken, past),
        _said([(item.index.name, item.use.scans) for item in taken if item.use.scans]),
    )


def _said(used: Sequence[tuple[str, int]]) -> str:
    if not used:
        return ""
    each = [
        ngettext("{number:,} scan of {name}", "{number:,} scans of {name}", count, name=name)
        for name, count in used
    ]
    scans = reduce(lambda first, more: _("{first} and {more}", first=first, more=more), each)
    return _("It takes over {scans}, which count as its own.", scans=scans)


def _of_all(uses: Sequence[IndexUse]) -> IndexUse:
    """Return the first use with what was read by any of them; unknown where one is unknown."""
    timed = all(use.last_scan is not None or not use.scans for use in uses)
    moments = [use.last_scan for use in uses if use.last_scan is not None]
    return uses[0]._replace(
        scans=_sum([use.scans for use in uses]),
        rows_read=_sum([use.rows_read for use in uses]),
        rows_fetched=_sum([use.rows_fetched for use in uses]),
        last_scan=max(moments, default=None) if timed else None,
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _known_of_all(
    subject: Subject, taken: Sequence[Subject], past: Mapping[Key, Past]
) -> Past | None:
    """Return since when snapshots show no use of any of them.

    None where they do not know the heir itself, or one that has been used.
    """
    own = past.get((subject.index.table, subject.index.name)) if past else None
    if own is None:
        return None
    latest = own
    for item in taken:
        theirs = past.get((item.index.table, item.index.name))
        if theirs is None:
            if item.use.scans:
                return None
        elif theirs.last_used and theirs.last_used > (latest.last_used or latest.first_seen):
            latest = theirs
    # Whose use was the last one also tells how much of the time since then was lost.
    return replace(latest, first_seen=own.first_seen)
