"""What verdicts on the indexes of one database rest on, and how far it can be trusted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from dbhealth.backends.index_records import Bloat, ColumnFacts, StatisticsSource
from dbhealth.indexes.past import Past
from dbhealth.indexes.verdict_records import Confidence
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

YOUNG = timedelta(days=14)
"""Statistics of less than two weeks miss what runs once a week."""

FULL = timedelta(days=90)
"""Statistics of a quarter have seen every job but that of the year's end."""

AGE_UNKNOWN = _(
    "Nothing tells how old the index itself is; snapshots (index_usage --snapshot) would."
)

Key = tuple[str, str]
"""A table and a column, or a table and an index."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What holds for all indexes of a database.

    ``past`` is what snapshots know of an index; ``asked`` is of how many standbys the scans have
    been added; ``sampled`` tells that not every statement was counted. ``recorded_on`` are the
    days (UTC, ascending) on which the recorder has seen anything where the figures are its own:
    it may have been off in between. None where the server counts.
    """

    source: StatisticsSource
    columns: Mapping[Key, ColumnFacts] = field(default_factory=dict)
    bloat: Mapping[Key, Bloat] = field(default_factory=dict)
    past: Mapping[Key, Past] = field(default_factory=dict)
    asked: int = 0
    sampled: bool = False
    recorded_on: tuple[date, ...] | None = None

    @cached_property
    def since(self) -> datetime | None:
        """When the statistics began; a server's start is a bound where nothing else is known."""
        return self.source.since or self.source.server_started

    @cached_property
    def span(self) -> timedelta | None:
        """How long ago the statistics began."""
        return self.source.now - self.since if self.since else None

    @cached_property
    def age(self) -> timedelta | None:
        """How long the statistics have been counting at least: the recorder may have been off."""
        return None if self.span is None else self._counted(self.span)

    @cached_property
    def said_since(self) -> str:
        """Since when, for a sentence."""
        if self.since is None:
            return _("since the statistics began")
        return _("since {day}", day=f"{self.since:%Y-%m-%d}")

    @cached_property
    def trust(self) -> tuple[Confidence, tuple[str, ...]]:
        """How far counters can be trusted that go back to the beginning of the statistics."""
        return self.trust_of(self.span)

    @cached_property
    def trust_unproven(self) -> tuple[Confidence, tuple[str, ...]]:
        """As ``trust``, for an index of which no snapshot tells how old it is itself."""
        confidence, reasons = self.trust
        return confidence.at_most(Confidence.MEDIUM), (*reasons, AGE_UNKNOWN)

    @cached_property
    def first_look(self) -> datetime | None:
        """When the first snapshot was taken: an index that it did not see is younger."""
        return min((past.first_seen for past in self.past.values()), default=None)

    def trust_of(
        self, span: timedelta | None, what: str = _("The statistics are")
    ) -> tuple[Confidence, tuple[str, ...]]:
        """Return how far it can be trusted that ``what`` is so old, and why.

        Only as much of ``span`` counts as was really looked at.
        """
        confidence, reason = _by_age(span, None if span is None else self._counted(span), what)
        reasons = [reason]
        if span is not None and self.source.since is None and span == self.span:
            reasons.append(_("Nothing tells of a reset: counted from the start of the server."))
        for is_so, bound, said in self._limits():
            if is_so:
                confidence = confidence.at_most(bound)
                reasons.append(said)
        return confidence, tuple(reasons)

    def _counted(self, span: timedelta) -> timedelta:
        """Return how much of the last ``span`` was looked at: a day on record is a day."""
        if self.recorded_on is None:
            return span
        first = bisect_left(self.recorded_on, (self.source.now - span).astimezone(UTC).date())
        return min(span, timedelta(days=len(self.recorded_on) - first))

    def _limits(self) -> tuple[tuple[bool, Confidence, str], ...]:
        unseen = max(0, self.source.replicas - self.asked)
        return (
            (
                unseen > 0,
                Confidence.LOW,
                ngettext(
                    "A standby reads from this server, and what it scans is not counted here "
                    "(--replica adds it).",
                    "{number} standbys read from this server, and what they scan is not counted "
                    "here (--replica adds them).",
                    unseen,
                ),
            ),
            (
                self.source.replica,
                Confidence.LOW,
                _("This server is a standby: what the primary scans is not counted here."),
            ),
            (
                self.sampled,
                Confidence.MEDIUM,
                _("Only a sample of the statements of this project is recorded."),
            ),
        )


def _by_age(span: timedelta | None, counted: timedelta | None, what: str) -> tuple[Confidence, str]:
    if span is None or counted is None:
        return Confidence.LOW, _("Nothing tells since when the statistics count.")
    said = _("{what} {span} old", what=what, span=_days(span))
    if span < timedelta(days=1):
        said = _("{what} less than a day old", what=what)
    if counted.days < span.days:
        said = ngettext(
            "{said}, but only {number} day of that time is on record",
            "{said}, but only {number} days of that time are on record",
            counted.days,
            said=said,
        )
    if counted < YOUNG:
        return Confidence.LOW, _("{said}: a weekly job may not be in that time.", said=said)
    if counted < FULL:
        return Confidence.MEDIUM, _("{said}: less than a quarter.", said=said)
    return Confidence.HIGH, _("{said}.", said=said)


def _days(span: timedelta) -> str:
    return ngettext("{number} day", "{number} days", span.days)
