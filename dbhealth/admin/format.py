"""How figures stand on the pages: sizes, ages, shares, badges. What is unknown is a dash."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dbhealth.clock import aware, now

UNKNOWN = "\N{EN DASH}"

_SECOND = timedelta(seconds=1)


def size(value: Any) -> str:
    """Return bytes for people."""
    return UNKNOWN if value is None else filesizeformat(value)


def number(value: Any) -> str:
    """Return a number with its thousands apart."""
    if value is None:
        return UNKNOWN
    return formats.number_format(value, use_l10n=True, force_grouping=True)


def share(value: Any) -> str:
    """Return a part of one as percent."""
    if value is None:
        return UNKNOWN
    return _("%s %%") % _rounded(100 * value, 0 if value >= 0.1 else 1)


def _rounded(value: float, places: int) -> str:
    # Django cuts off what it does not show, and 0.29 is a little less than that.
    return formats.number_format(round(value, places), decimal_pos=places)


def duration(seconds: Any) -> str:
    """Return seconds for people: "3.2 s", "4 min 10 s", "2 h 5 min", "3 days"."""
    if seconds is None:
        return UNKNOWN
    seconds = float(seconds)
    if seconds < 60:
        return _("%s s") % _rounded(seconds, 1 if seconds < 10 else 0)
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 60:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": seconds % 60}
    if hours < 48:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes % 60}
    days = hours // 24
    return ngettext("%d day", "%d days", days) % days


def as_of(moment: datetime | None) -> str | SafeString:
    """Return how long ago a moment is, with the moment itself for who looks closer."""
    if moment is None:
        return UNKNOWN
    moment = aware(moment)
    gone = now() - moment
    said = _("just now") if gone < timedelta(minutes=1) else _("%s ago") % timesince(moment)
    if gone < -_SECOND:
        said = formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT"),
        said,
    )


def badge(text: str, kind: str = "") -> str | SafeString:
    """Return a word in a box whose colour its kind decides; the word alone says everything."""
    return (
        format_html('<span class="dbh-badge dbh-{}">{}</span>', kind or text, text) if text else ""
    )


def code_line(place: str) -> str:
    """Return a line of code, "/srv/shop/chat/models.py:7", from where Python finds its module."""
    for folder in sorted(sys.path, key=len, reverse=True):
        if folder and place.startswith(folder.rstrip(os.sep) + os.sep):
            return place[len(folder.rstrip(os.sep)) + 1 :]
    return place
