"""Where findings begin: a project can set each number of the table for each database.

    DBHEALTH = {"THRESHOLDS": {"*": {"cache_hit_share": 0.95}, "reports": {"long_query": 3600}}}

"*" stands for every alias; what is said of an alias itself goes before it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from dbhealth.conf import Problem, get_settings
from dbhealth.exceptions import ConfigurationError
from dbhealth.health.threshold_table import THRESHOLDS

__all__ = ["EVERY", "THRESHOLDS", "Thresholds", "problems"]

EVERY = "*"
"""The key of DBHEALTH["THRESHOLDS"] that stands for every alias."""


class Thresholds:
    """The numbers that hold for one database."""

    def __init__(self, alias: str) -> None:
        """Read the setting; raises ConfigurationError when it is wrong."""
        raw = get_settings().thresholds
        if found := problems(raw):
            raise ConfigurationError(" ".join(f"{item.message} {item.hint}" for item in found))
        self._own = {**raw.get(EVERY, {}), **raw.get(alias, {})}

    def optional(self, name: str) -> float | None:
        """Return a number, None where there is to be no such finding."""
        value = self._own.get(name, THRESHOLDS[name].default)
        return None if value is None else float(value)

    def __getitem__(self, name: str) -> float:
        """Return a number; where a project has set it to None, NaN, which nothing reaches."""
        value = self.optional(name)
        return float("nan") if value is None else value


def problems(raw: Mapping[str, Mapping[str, object]]) -> list[Problem]:
    """Return the names in DBHEALTH["THRESHOLDS"] that mean nothing."""
    return [
        _unknown(alias, name)
        for alias, own in raw.items()
        for name in own
        if name not in THRESHOLDS
    ]


def _unknown(alias: str, name: object) -> Problem:
    close = difflib.get_close_matches(str(name), THRESHOLDS, n=1)
    known = f"Known thresholds: {', '.join(sorted(THRESHOLDS))}."
    return Problem(
        f"DBHEALTH['THRESHOLDS'][{alias!r}] has no threshold {name!r}.",
        f"Did you mean {close[0]!r}?" if close else known,
    )
