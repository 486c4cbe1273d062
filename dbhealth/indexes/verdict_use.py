"""Indexes that nobody reads by, and those that cost more than they give."""

from __future__ import annotations

from dbhealth.indexes.evidence import FULL, Evidence
from dbhealth.indexes.past import Past
from dbhealth.indexes.verdict_records import Code, Confidence, Level, Subject, Verdict
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

COSTLY_WRITES = 10_000
"""So many entries must have been written before a few scans are judged (entries)."""

WRITES_PER_SCAN = 1_000
"""Rarely used: at least so many entries written for each scan."""

LOST = 0.05
"""Where resets took more than this part of the time away, snapshots are no proof."""


def use_verdict(
    subject: Subject, evidence: Evidence, stays: str, past: Past | None
) -> Verdict | None:
    """Return a verdict on how an index is used, None where nothing is to be said.

    ``stays`` is why it has to stay, ``past`` what snapshots know of it. Unused: no scan since the
    statistics began, or none for evidence.FULL by the time of the last scan or by snapshots.
    Rarely used and costly: WRITES_PER_SCAN entries were written for each scan, and COSTLY_WRITES
    at least.
    """
    scans = subject.use.scans
    if stays or scans is None:
        return None
    if scans == 0:
        return _never_used(subject, evidence, past)
    return _no_longer_used(subject, evidence, past) or _rarely_used(subject, evidence, scans)


def _never_used(subject: Subject, evidence: Evidence, past: Past | None) -> Verdict:
    if past is None:
        confidence, reasons = evidence.trust_unproven
    elif _shows_more(past, evidence):
        return _by_snapshots(subject, evidence, past)
    else:
        confidence, reasons = evidence.trust
        known = _("Snapshots know the index for {days} days only.", days=past.unused_for.days)
        confidence, reasons = confidence.at_most(Confidence.MEDIUM), (*reasons, known)
    return _unused(subject, confidence, reasons, evidence.said_since)


def _shows_more(past: Past, evidence: Evidence) -> bool:
    """Return whether snapshots look back further than the counters, or show an index as new."""
    is_new = evidence.first_look is not None and past.first_seen > evidence.first_look
    return is_new or past.unused_for >= min(FULL, evidence.span or FULL)


def _no_longer_used(subject: Subject, evidence: Evidence, past: Past | None) -> Verdict | None:
    last = subject.use.last_scan
    if last is not None and (ago := evidence.source.now - last) >= FULL:
        confidence, reasons = evidence.trust_of(ago, _("The last scan is"))
        since = _("since {day}", day=f"{last:%Y-%m-%d}")
        return _unused(subject, confidence, reasons, since)
    if last is None and past is not None and past.unused_for >= FULL:
        return _by_snapshots(subject, evidence, past)
    return None


def _by_snapshots(subject: Subject, evidence: Evidence, past: Past) -> Verdict:
    confidence, reasons = evidence.trust_of(past.unused_for, _("By snapshots its last use is"))
    if past.unseen > LOST * past.unused_for.total_seconds():
        confidence = confidence.at_most(Confidence.MEDIUM)
    if past.unseen:
        lost = _(
            "Of {hours:,.1f} hours of that time the counters were lost by a reset.",
            hours=past.unseen / 3600,
        )
        reasons = (*reasons, lost)
    day = f"{past.last_used or past.first_seen:%Y-%m-%d}"
    since = _("since {day}, as snapshots show", day=day)
    return _unused(subject, confidence, reasons, since)


def _unused(
    subject: Subject, confidence: Confidence, reasons: tuple[str, ...], since: str
) -> Verdict:
    why = _(
        "No search has used it {since}, and each write of {table} pays for it.",
        since=since,
        table=subject.index.table,
    )
    return Verdict(Code.UNUSED, Level.WARNING, confidence, reasons, why)


def _rarely_used(subject: Subject, evidence: Evidence, scans: int) -> Verdict | None:
    entries = written(subject)
    if entries < COSTLY_WRITES or entries < scans * WRITES_PER_SCAN:
        return None
    confidence, reasons = evidence.trust
    why = ngettext(
        "{number:,} scan {since} against {entries:,} entries written: each search by it has cost "
        "{each:,} writes.",
        "{number:,} scans {since} against {entries:,} entries written: each search by it has cost "
        "{each:,} writes.",
        scans,
        since=evidence.said_since,
        entries=entries,
        each=entries // scans,
    )
    if (last := subject.use.last_scan) is not None:
        reasons = (*reasons, _("Last scan: {last}.", last=f"{last:%Y-%m-%d %H:%M}"))
    return Verdict(
        Code.RARELY_USED, Level.INFO, confidence.at_most(Confidence.MEDIUM), reasons, why
    )


def written(subject: Subject) -> int:
    """Return how many entries the writes to a table have put into each of its indexes.

    One by each INSERT and by each UPDATE that is not HOT (PostgreSQL's README.HOT). Partial
    indexes get fewer.
    """
    table = subject.table
    return (table.inserts or 0) + max(0, (table.updates or 0) - (table.hot_updates or 0))
