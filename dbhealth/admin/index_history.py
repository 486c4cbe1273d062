"""The history of one index: how often it was scanned between looks, and how large it was."""

from __future__ import annotations

from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from dbhealth.admin.charts import bars
from dbhealth.admin.format import number
from dbhealth.admin.sizes import size_chart
from dbhealth.clock import aware
from dbhealth.indexes.models import IndexCount, IndexSnapshot, TrackedIndex

LOOKS = 90
"""So many looks are shown."""


def history(row: TrackedIndex) -> dict[str, Any]:
    """Return the charts of scans and of sizes, and how many looks they are made of."""
    looks = list(
        IndexSnapshot.objects.using(row.database)
        .filter(database=row.database, taken_at__gte=row.first_seen)
        .order_by("-number")
        .values_list("pk", "taken_at")[:LOOKS]
    )[::-1]
    counts = {
        look: (scans, amount)
        for look, scans, amount in IndexCount.objects.using(row.database)
        .filter(index=row.pk)
        .values_list("snapshot_id", "scans", "bytes")
    }
    return {
        "looks": len(looks),
        "scans": _scans(row, looks, counts),
        "sizes": _sizes(row, looks, counts),
    }


def _scans(row: TrackedIndex, looks: list[Any], counts: dict[int, Any]) -> Any:
    if row.scans is None or not looks:
        return ""
    values = [(counts[look][0] if look in counts else 0, moment) for look, moment in looks]
    shown = [(f"{_day(moment)}: {number(scans)}", float(scans)) for scans, moment in values]
    highest = max(scans for scans, _moment in values)
    return bars(
        shown,
        title=_("Scans between looks"),
        text=_("%(scans)s scans in %(looks)d looks since %(since)s, at most %(most)s in one.")
        % {
            "scans": number(sum(scans for scans, _moment in values)),
            "looks": len(values),
            "since": _day(looks[0][1]),
            "most": number(highest),
        },
        labels=(number(highest), "0", _day(looks[0][1]), _day(looks[-1][1])),
    )


def _sizes(row: TrackedIndex, looks: list[Any], counts: dict[int, Any]) -> Any:
    """Return the curve of the size: what it was at each look that found it changed, and now."""
    if row.bytes is None:
        return ""
    series = [
        (moment, counts[look][1])
        for look, moment in looks
        if look in counts and counts[look][1] is not None
    ]
    if not series or series[-1][0] < row.last_seen:
        series.append((row.last_seen, row.bytes))
    return size_chart(_("Size"), series)


def _day(moment: Any) -> str:
    return formats.date_format(timezone.localtime(aware(moment)), "SHORT_DATE_FORMAT")
