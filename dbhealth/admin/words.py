"""The words for what is kept by a name: levels, verdicts, states of steps, units."""

from __future__ import annotations

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from dbhealth.admin.format import UNKNOWN, badge, duration, number, share, size
from dbhealth.health.models import LEVELS
from dbhealth.runs.models import Operation

VERDICTS = {
    "invalid": _("invalid"),
    "duplicate": _("duplicate"),
    "covered": _("covered by another"),
    "unused": _("unused"),
    "rarely-used": _("rarely used"),
    "bloated": _("bloated"),
    "null-heavy": _("mostly NULL"),
    "low-cardinality": _("few values"),
}
"""The verdicts by their codes; docs/indexes.md has a section for each."""

LACKS = {
    "missing": _("declared, not there"),
    "pending": _("waits for a migration"),
    "unmigrated": _("has no migration yet"),
    "foreign-key": _("foreign key"),
    "sequential-reads": _("table read whole"),
    "selection": _("archive policy"),
}
"""Why an index is missed, by the codes of MissingIndex."""

CONFIDENCES = {"low": _("low"), "medium": _("medium"), "high": _("high")}
"""How sure an opinion is."""

STEPS = {
    "done": _("done"),
    "failed": _("failed"),
    "skipped": _("skipped"),
    "stopped": _("stopped"),
    "not begun": _("not begun"),
}
"""What became of a step, by the states of ``StepResult``."""

UNITS = {
    "days": _("days"),
    "deadlocks": _("deadlocks"),
    "hours": _("hours"),
    "pages": _("pages"),
    "readings": _("readings"),
    "rows": _("rows"),
    "tables": _("tables"),
    "times": _("times"),
}
"""In what the checks measure, but for what has a form of its own."""

_FORMS = {"bytes": size, "seconds": duration, "share": share}

_LEVELS = {**dict(LEVELS), "healthy": _("healthy")}


def level(name: str) -> str | SafeString:
    """Return the level of a finding, or "healthy", in a box of its colour."""
    return badge(str(_LEVELS.get(name, name)), name)


def verdict(code: str) -> str:
    """Return what a verdict on an index says, by its code; empty for none."""
    return str(VERDICTS.get(code, code))


def operation(name: str) -> str:
    """Return what a verb is called; a command that is no verb keeps its name."""
    return str(Operation(name).label) if name in Operation.values else name


def measured(value: float | None, unit: str) -> str:
    """Return what a check has measured in its unit; one of another app stays as it is."""
    if value is None:
        return UNKNOWN
    if unit in _FORMS:
        return _FORMS[unit](value)
    return f"{number(round(value, 2))} {UNITS.get(unit, unit)}".strip()
