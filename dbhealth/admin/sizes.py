"""The chart of a size over time, with where it leads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dbhealth.admin.charts import line
from dbhealth.admin.format import size
from dbhealth.clock import aware
from dbhealth.maintenance.growth import growth

AHEAD = timedelta(days=30)
"""How far the guess goes on."""


def size_chart(title: str, looks: Sequence[tuple[datetime, int]]) -> SafeString:
    """Return the curve of sizes (bytes) by time, the oldest first; empty with less than two."""
    series = [(aware(moment), amount) for moment, amount in looks]
    grown = growth(series)
    if grown is None:
        return SafeString("")
    since, until = series[0][0], series[-1][0]
    points = [(moment.timestamp(), float(amount)) for moment, amount in series]
    ahead, text = (
        [],
        _("From %(then)s to %(now)s since %(since)s.")
        % {
            "then": size(grown.then),
            "now": size(grown.now),
            "since": _day(since),
        },
    )
    if grown.in_30_days is not None:
        ahead = [((until + AHEAD).timestamp(), float(grown.in_30_days))]
        text += " " + _("%s in 30 days, if it goes on like that.") % size(grown.in_30_days)
    highest = max(amount for _moment, amount in [*points, *ahead])
    return line(
        points,
        title=title,
        text=text,
        ahead=ahead,
        labels=(size(highest), "0", _day(since), _day(until + AHEAD if ahead else until)),
    )


def _day(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "SHORT_DATE_FORMAT")
