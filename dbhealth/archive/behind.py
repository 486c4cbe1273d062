"""What a database lacks that archive models need, as Django check messages: these connect."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from dbhealth.archive.knowing import knowing
from dbhealth.archive.obstacles import structural_refusals
from dbhealth.archive.problems import source_problems
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.backends import get_backend, is_supported


def behind(databases: Sequence[str]) -> list[CheckMessage]:
    """Return what the databases lack; connects to those that are named."""
    found: list[CheckMessage] = []
    for alias in databases:
        chosen = [archive for archive, _ in archives_in(alias) if not [*source_problems(archive)]]
        if chosen and not is_supported(alias):
            found.append(_unsupported(alias))
        elif chosen:
            found += _lacking(alias, chosen)
    return found


def _lacking(alias: str, chosen: list[Archive]) -> list[CheckMessage]:
    try:
        backend = knowing(get_backend(alias), chosen)
        refusals = [(a, structural_refusals(a, backend)) for a in chosen]
        pending = pending_apps(alias) if any(reasons for _, reasons in refusals) else set()
    except DatabaseError as error:
        return [Warning(f"The database {alias!r} cannot be read: {error}", id="dbhealth.W103")]
    # migrate runs this check before it begins: it must not be stopped by what it would mend.
    return [
        (Warning if pending else Error)(
            f"{reason.what} {reason.why}",
            hint=reason.instead,
            obj=archive.model,
            id="dbhealth.E111",
        )
        for archive, reasons in refusals
        for reason in reasons
        if not (reason.code.endswith("missing") and pending)
    ]


def pending_apps(alias: str) -> set[str]:
    """Return the labels of the apps with migrations that are not applied in ``alias``."""
    executor = MigrationExecutor(connections[alias])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return {migration.app_label for migration, _ in plan}


def _unsupported(alias: str) -> CheckMessage:
    return Warning(
        f"The database {alias!r} runs on an engine that dbhealth does not know.",
        hint="Route the models with an archive to PostgreSQL or SQLite.",
        id="dbhealth.W102",
    )
