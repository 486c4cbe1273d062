"""What the checks found in a database, beside what is known of it already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import Error, connections

from dbhealth.backends import is_supported
from dbhealth.health.finding import Finding, Level
from dbhealth.health.life import Life, Lives, lives, remember
from dbhealth.health.report import OF_CHECKS, Report, run_checks
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A report with the life of its findings; ``baseline`` are keys that one lives with.

    ``note`` says why nothing is known or kept, empty where it is.
    """

    report: Report
    lives: Lives
    baseline: frozenset[str]
    note: str = ""

    def life(self, finding: Finding) -> Life | None:
        """Return what is known of a finding."""
        return self.lives.get(finding.key)

    def is_acknowledged(self, finding: Finding) -> bool:
        """Return whether somebody knows of it, so that it does not count."""
        life = self.life(finding)
        return life is not None and life.is_acknowledged

    @property
    def counting(self) -> tuple[Finding, ...]:
        """The findings that nobody has acknowledged and that are not in the baseline."""
        return tuple(
            finding
            for finding in self.report.findings
            if finding.key not in self.baseline and not self.is_acknowledged(finding)
        )

    def reaching(self, level: Level) -> tuple[Finding, ...]:
        """The findings about the database that count and are at least so grave."""
        return tuple(
            finding
            for finding in self.counting
            if finding.id not in OF_CHECKS and finding.level >= level
        )

    @property
    def unmade(self) -> tuple[Finding, ...]:
        """The findings that count and say that something could not be looked at."""
        return tuple(finding for finding in self.counting if finding.id in OF_CHECKS)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        rows = []
        for finding in self.report.findings:
            life = self.life(finding)
            known = {"life": life.as_dict() if life else None}
            is_known = {"in_baseline": finding.key in self.baseline}
            rows.append({**finding.as_dict(), **known, **is_known})
        return {**self.report.as_dict(), "note": self.note, "findings": rows}


def examine(
    using: Sequence[str] | None = None,
    *,
    ids: Collection[str] | None = None,
    ignore: Collection[str] = (),
    expensive: bool = False,
    baseline: frozenset[str] = frozenset(),
    keep: bool = True,
) -> list[Examination]:
    """Run the checks of several databases and, with ``keep``, remember what they found.

    ``using`` None: all databases that dbhealth supports. Raises what ``run_checks`` does.
    """
    aliases = using or [alias for alias in connections if is_supported(alias)]
    found = []
    for alias in aliases:
        report = run_checks(alias, ids, ignore, expensive=expensive)
        known, note = _known(report, keep=keep)
        found.append(Examination(report=report, lives=known or {}, baseline=baseline, note=note))
    return found


def _known(report: Report, *, keep: bool) -> tuple[Lives | None, str]:
    try:
        known = remember(report) if keep else lives(report)
    except Error as error:
        said = str(error).strip().partition("\n")[0]
        return None, _("What was found before is not known, and nothing is kept: {said}", said=said)
    if known is None:
        return None, _("Nothing is kept of this: manage.py migrate makes the table.")
    return known, ""
