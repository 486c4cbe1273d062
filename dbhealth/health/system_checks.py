"""Findings as Django's system checks, for ``manage.py check --database default --tag dbhealth``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.core.checks import CheckMessage, Info, Warning
from django.db import Error

from dbhealth.backends import get_backend, is_supported
from dbhealth.conf import get_settings
from dbhealth.exceptions import ConfigurationError
from dbhealth.health.examine import examine
from dbhealth.health.finding import Finding, Level
from dbhealth.health.life import has_table
from dbhealth.health.registry import registry


def condition(databases: Sequence[str], told: Collection[str] = ()) -> list[CheckMessage]:
    """Return the findings that count, about every database that ``migrate`` has been run on.

    ``told`` are ids of findings that other system checks tell as well: once is enough.

    They are warnings at the most: ``migrate`` checks its database as well, and must not be stopped
    by what it may be there to mend. Nothing is written.
    """
    try:
        wanted = get_settings().health_system_checks
        aliases = [alias for alias in databases if wanted and _is_ready(alias)]
        ignore = [name for name in told if name in registry]
        found = examine(aliases, ignore=ignore, keep=False) if aliases else []
    except ConfigurationError:
        return []  # dbhealth.E001 says what is wrong
    return [_message(finding) for item in found for finding in item.counting]


def _is_ready(alias: str) -> bool:
    try:
        return is_supported(alias) and has_table(get_backend(alias))
    except Error:
        return False  # dbhealth.W103 says that it cannot be read


def _message(finding: Finding) -> CheckMessage:
    kind = Info if finding.level is Level.INFO else Warning
    thing = " ".join(filter(None, (finding.database, finding.object)))
    hint = " ".join((finding.why, finding.instead, *finding.sql))
    return kind(finding.title, hint=hint, obj=thing, id=finding.id)
