"""dbhealth's system checks: the setting and the policies, and what the databases lack.

Ids are stable: E0xx and W0xx are about the setting, E1xx and W1xx about archives, E2xx and W2xx
about indexes. Any other letter is that of a finding: docs/health.md has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags

from dbhealth import conf
from dbhealth.archive.behind import behind
from dbhealth.archive.problems import policy_problems
from dbhealth.backends import get_backend
from dbhealth.exceptions import ConfigurationError
from dbhealth.health import thresholds
from dbhealth.health.system_checks import condition
from dbhealth.indexes.migration_check import slow_migrations
from dbhealth.indexes.registry import registry
from dbhealth.runs import background, schedule

_BACKGROUND = "DBHEALTH['BACKGROUND'] = 'process' needs no worker and no backend."

_DIRECT = "DBHEALTH['DIRECT'] = {'default': 'host=db.example.com port=5432'}"

TOLD_BY_OTHERS = ("dbhealth.A002",)
"""Findings that are system checks already: A002 is E111, which knows whether migrations wait."""


def register() -> None:
    """Register the checks with Django, once."""
    checks.register(check_settings, "dbhealth")
    checks.register(check_archives, Tags.models, "dbhealth")
    checks.register(check_tables, Tags.database, "dbhealth")
    checks.register(check_migrations, Tags.database, "dbhealth")
    checks.register(check_health, Tags.database, "dbhealth")


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check the DBHEALTH setting (dbhealth.E001) and what is to execute runs (dbhealth.E002)."""
    raw = getattr(settings, "DBHEALTH", {})
    found = conf.problems(raw) or [
        *thresholds.problems(conf.get_settings().thresholds),
        *schedule.problems(conf.get_settings().schedule),
    ]
    if found:
        return [Error(item.message, hint=item.hint, id="dbhealth.E001") for item in found]
    if wrong := list(_wrong_ways()):
        return [Error(said, hint=_DIRECT, id="dbhealth.E001") for said in wrong]
    problem = background.problem()
    return [Error(problem, hint=_BACKGROUND, id="dbhealth.E002")] if problem else []


def _wrong_ways() -> Iterator[str]:
    """Yield what is wrong with DBHEALTH["DIRECT"]; only an engine's driver can read it."""
    for alias in conf.get_settings().direct:
        try:
            get_backend(alias).executor.check_way()
        except ConfigurationError as error:
            yield str(error)


def check_archives(**kwargs: Any) -> list[CheckMessage]:
    """Check archive models and policies without a database (dbhealth.E101 and on)."""
    return policy_problems(registry.by_model())


def check_tables(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the tables in the databases that are named (dbhealth.E111)."""
    return behind(databases or ())


def check_migrations(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check migrations that wait for indexes built in writers' way (dbhealth.W202)."""
    return slow_migrations(databases or ())


def check_health(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the condition of the databases that are named: the findings of db_health."""
    return condition(databases or (), told=TOLD_BY_OTHERS)
