"""Figures in the words of a finding's title."""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.saying import joined
from dbhealth.saying import say as _

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_TIMES = (
    (86_400, _("{count} days")),
    (3_600, _("{count} hours")),
    (60, _("{count} minutes")),
)
_SECONDS = _("{count} seconds")


def duration(seconds: float) -> str:
    """Return a time in the unit that people would use: '75 seconds', '3 hours', '2.5 days'."""
    for size, pattern in _TIMES:
        if seconds >= 2 * size:
            return pattern.format(count=f"{seconds / size:.1f}".removesuffix(".0"))
    return _SECONDS.format(count=f"{seconds:.{0 if seconds >= 10 else 1}f}")


def size(number: float) -> str:
    """Return bytes in units of 1024: '1.5 GB'."""
    power = 0
    while number >= 1024 and power < len(_UNITS) - 1:
        number, power = number / 1024, power + 1
    shown = f"{number:.1f}".removesuffix(".0") if number < 100 else f"{number:.0f}"
    return f"{shown} {_UNITS[power]}"


def percent(share: float) -> str:
    """Return a share (0 to 1) in percent; never 100 % for less than that."""
    if 0 < share < 0.01:
        return f"{share * 100:.2g} %"
    return f"{min(int(share * 100), 100)} %"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first ``most`` names, and how many more there are."""
    shown = joined(names[:most])
    if len(names) <= most:
        return shown
    return _("{first} and {more} more", first=shown, more=len(names) - most)
