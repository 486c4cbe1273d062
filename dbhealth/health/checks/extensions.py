"""Extensions of the database: S012, S013."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.health.checks.readings import settings
from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.saying import say as _

_NAME = "pg_stat_statements"


@register("dbhealth.S012", title=_("pg_stat_statements is missing"), feature="has_sessions")
def statement_statistics(context: Context) -> Iterator[Finding]:
    """Find out whether the server counts statements."""
    found, cures = context.backend.server.statement_statistics(), context.backend.server.cures
    if found.loaded and found.created:
        return
    steps = [cures.create_extension(_NAME)]
    if not found.available:
        title = _("pg_stat_statements is not installed on the server.")
        instead = _("Install the server's contrib package, load it, and make it in this database.")
    elif not found.loaded:
        title = _("The server does not load pg_stat_statements.")
        instead = _(
            "Add it to what shared_preload_libraries has already, restart the server, and make it "
            "in this database."
        )
    else:
        title = _("pg_stat_statements is loaded, but this database has not got it.")
        instead = _("Make it in this database, as a superuser.")
    if not found.loaded:
        loaded = settings(context).get("shared_preload_libraries")
        if loaded is not None:  # hidden from a role without pg_monitor
            steps.insert(0, cures.preload(_NAME, loaded.value))
    yield context.finding(
        Level.INFO,
        title,
        why=_(
            "Nobody counts which statements cost the most time: what is slow can only be guessed."
        ),
        instead=instead,
        sql=tuple(steps),
        change="django.contrib.postgres.operations.CreateExtension('pg_stat_statements')",
    )


@register("dbhealth.S013", title=_("An extension is outdated"), feature="has_sessions")
def outdated(context: Context) -> Iterator[Finding]:
    """Find extensions whose library on the server is newer than their objects here."""
    for item in context.backend.server.outdated_extensions():
        yield context.finding(
            Level.INFO,
            _(
                "The extension {name} is of version {version} here; the server has {available}.",
                name=item.name,
                version=item.version,
                available=item.available,
            ),
            object=f"extension {item.name}",
            why=_("Its functions are those of the older version, with that one's errors."),
            instead=_("Read its release notes, and update it at a quiet time."),
            sql=(context.backend.server.cures.update_extension(item.name),),
        )
