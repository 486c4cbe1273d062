"""When verbs run next: what the project's cron says, or DBHEALTH["SCHEDULE"]."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from dbhealth.conf import Problem, get_settings
from dbhealth.runs.models import Operation
from dbhealth.saying import say as _

LOOKS = ("db_health", "db_stats", "index_usage")
"""Commands that leave no run and are scheduled like the verbs."""

SCHEDULABLE = (
    *(Operation.ARCHIVE, Operation.INIT_INDEXES, Operation.PURGE, Operation.VACUUM),
    *LOOKS,
)
"""What DBHEALTH["SCHEDULE"] may name."""

_OF_COMMANDS = {str(name): str(name) for name in SCHEDULABLE} | {
    "purge_archive": str(Operation.PURGE)
}
_CALL = "django.core.management.call_command"

_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The short forms of crontab(5) that tell a time."""

_FIELDS = re.compile(r"[0-9A-Za-z*,/#-]+([ \t]+[0-9A-Za-z*,/#-]+){4}")
"""What can be said of an expression without cronsim."""


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A verb or a look that cron starts.

    ``expression`` is that of crontab(5). ``at`` is the next time (aware, in the project's time
    zone), None where cronsim (the extra ``schedule``) is not installed or there is no next time.
    """

    operation: str
    expression: str
    at: datetime | None


def next_runs(now: datetime) -> list[Scheduled]:
    """Return what is scheduled after ``now`` (aware), the next first, unknown times last.

    DBHEALTH["SCHEDULE"] counts; an operation that it does not name is looked up in CRONJOBS, the
    setting of django-crontab, if the project has it. Raises ConfigurationError when DBHEALTH is
    wrong.
    """
    own = get_settings().schedule
    lines = [*own.items(), *(line for line in _in_crontab() if line[0] not in own)]
    found = [
        Scheduled(operation=operation, expression=expression, at=_next(expression, now))
        for operation, expression in lines
    ]
    return sorted(found, key=lambda each: (each.at is None, each.at or now, each.operation))


def next_run(operation: str, now: datetime) -> Scheduled | None:
    """Return the next of :func:`next_runs` of one operation."""
    return next((each for each in next_runs(now) if each.operation == operation), None)


def problems(raw: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with DBHEALTH["SCHEDULE"], a dict of texts."""
    found = []
    for operation, expression in raw.items():
        if operation not in SCHEDULABLE:
            message = _("DBHEALTH['SCHEDULE'] has no operation {operation!r}.", operation=operation)
            found.append(Problem(message, f"There is {', '.join(map(str, SCHEDULABLE))}."))
        elif reason := _wrong(expression):
            message = _(
                "DBHEALTH['SCHEDULE'][{operation!r}] is no cron expression: {reason}.",
                operation=operation,
                reason=reason,
            )
            hint = _("Five fields as in crontab: minute, hour, day of month, month, day of week.")
            found.append(Problem(message, hint))
    return found


def _in_crontab() -> Iterator[tuple[str, str]]:
    """Yield operation and expression of each line of CRONJOBS that calls a command of ours.

    What has another shape is left out: CRONJOBS is not ours to judge.
    """
    lines: Any = getattr(settings, "CRONJOBS", ())
    for line in lines if isinstance(lines, (list, tuple)) else ():
        match line:
            case [str(expression), str(function), [str(command), *given], *rest]:
                options: Any = rest[0] if rest and isinstance(rest[0], Mapping) else {}
            case _:
                continue
        is_dry = "--dry-run" in given or options.get("dry_run")
        if function == _CALL and command in _OF_COMMANDS and not is_dry:
            yield _OF_COMMANDS[command], expression


def _wrong(expression: str) -> str:
    """Return why an expression is none, empty for a good one."""
    plain = _SHORT.get(expression, expression)
    if not _FIELDS.fullmatch(plain):
        return repr(expression)
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        return ""
    try:
        CronSim(plain.upper(), timezone.localtime())
    except CronSimError as error:
        return f"{expression!r} ({error})"
    return ""


def _next(expression: str, now: datetime) -> datetime | None:
    if _wrong(expression):
        return None
    try:
        from cronsim import CronSim
    except ImportError:
        return None
    zone = timezone.get_default_timezone()
    found = CronSim(_SHORT.get(expression, expression).upper(), timezone.localtime(now, zone))
    return next(found, None)
