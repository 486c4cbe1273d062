"""What was recorded: how often each index was used, by which statements, and since when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from django.db.models import Max, Sum

from dbhealth.backends.planning import PlannedIndex
from dbhealth.clock import aware
from dbhealth.queries.home import home_of
from dbhealth.queries.models import RecordedStatement, RecordedUse

SHOWN_STATEMENTS = 5


@dataclass(frozen=True, kw_only=True)
class Uses:
    """The recorded uses of one index, or the readings of one table as a whole.

    ``count`` are executions of statements, extrapolated from the share that was looked at.
    ``statements`` are the texts of a few that were executed last, the latest first.
    """

    count: int
    last: datetime
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Workload:
    """All that was recorded of one database.

    ``since`` is the beginning of the first day on record (UTC), None where there is none: what is
    in neither mapping was not seen since. ``recorded_on`` are the days on which anything was seen,
    for the recorder may have been off in between. ``whole`` has tables that were read whole.
    """

    since: datetime | None = None
    recorded_on: tuple[date, ...] = ()
    indexes: Mapping[PlannedIndex, Uses] = field(default_factory=dict)
    whole: Mapping[str, Uses] = field(default_factory=dict)

    @property
    def days(self) -> int:
        """On how many days anything was seen."""
        return len(self.recorded_on)


def uses(alias: str) -> Workload:
    """Return what was recorded of the database ``alias``; three statements.

    Reads no more than what is written; counts of the last RECORD_SECONDS are in the processes.
    Raises Django's database errors where dbhealth's tables are missing.
    """
    recorded = RecordedUse.objects.using(home_of(alias)).filter(database=alias)
    days = tuple(recorded.order_by("day").values_list("day", flat=True).distinct())
    if not days:
        return Workload()
    texts = _statements(alias)
    found: dict[PlannedIndex, Uses] = {}
    rows = recorded.values_list("table", "index").annotate(Sum("uses"), Max("last_used"))
    for table, name, count, last in rows.order_by("table", "index"):
        index = PlannedIndex(table, name)
        shown = tuple(texts[index][:SHOWN_STATEMENTS])
        found[index] = Uses(count=count, last=aware(last), statements=shown)
    return Workload(
        since=_beginning(days[0]),
        recorded_on=days,
        indexes={index: use for index, use in found.items() if index.name},
        whole={index.table: use for index, use in found.items() if not index.name},
    )


def _statements(alias: str) -> defaultdict[PlannedIndex, list[str]]:
    texts: defaultdict[PlannedIndex, list[str]] = defaultdict(list)
    recorded = RecordedStatement.objects.using(home_of(alias)).filter(database=alias)
    rows = recorded.order_by("-last_used", "-pk").values_list("table", "index", "sql")
    for table, name, text in rows:
        texts[PlannedIndex(table, name)].append(text)
    return texts


def _beginning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
