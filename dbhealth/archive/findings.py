"""The checks of archives: A001 rows that should have left, A002 an archive behind its source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from dbhealth.archive.declared import ensure_declared_right
from dbhealth.archive.knowing import knowing
from dbhealth.archive.obstacles import structural_refusals, structure_of
from dbhealth.archive.problems import source_problems
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.archive.selection import selection
from dbhealth.backends import Backend
from dbhealth.backends.limits import survey_limits
from dbhealth.backends.records import Survey
from dbhealth.clock import aware
from dbhealth.exceptions import Refused
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import State
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext


def _archives(context: Context) -> list[Archive]:
    """Return the archives whose sources the project's routers write in this database."""
    return [archive for archive, alias in archives_in(None) if alias == context.alias]


def _backend(context: Context) -> Backend:
    """Return the backend with what its database has of all archives, read once for both checks."""
    return context.memo("archive.backend", lambda: knowing(context.backend, _archives(context)))


@register("dbhealth.A001", title="Rows past their retention are not archived")
def overdue(context: Context) -> Iterator[Finding]:
    """Count rows that were due to leave longer ago than the threshold says."""
    bound = context.thresholds.optional("archive_overdue")
    if bound is None:
        return
    now = context.backend.session.now()
    for archive in _archives(context):
        due = _due(archive, now - timedelta(days=bound), context)
        if due is not None and due.eligible:
            yield _overdue(archive, due, bound, now, context)


def _due(archive: Archive, moment: datetime, context: Context) -> Survey | None:
    """Return what was past its retention at a moment, None where nothing leaves by its age; A002
    and the system checks say why."""
    try:
        ensure_declared_right(archive)
    except Refused:
        return None
    if not archive.leaves_alone:
        return None
    backend = _backend(context)
    structure = structure_of(archive, backend)
    if structure.family is None:
        return None
    relation, cutoff = structure.relations[archive.table], moment - archive.retention
    chosen = selection(archive, cutoff, backend, relation, structure.family)
    return backend.rows.survey(chosen, survey_limits())


def _overdue(
    archive: Archive, due: Survey, bound: float, now: datetime, context: Context
) -> Finding:
    last = _last_success(archive, context)
    ago = "never" if last is None else f"{duration((now - last).total_seconds())} ago"
    days = archive.retention / timedelta(days=1)
    return context.finding(
        Level.WARNING,
        _(
            "{eligible} of {table} should have left more than {bound:g} days ago; the last archive "
            "run that succeeded was {ago}.",
            eligible=ngettext("{number:,} row", "{number:,} rows", due.eligible),
            table=archive.table,
            bound=bound,
            ago=ago,
        )
        if last
        else _(
            "{eligible} of {table} should have left more than {bound:g} days ago, and no archive "
            "run has ever succeeded.",
            eligible=ngettext("{number:,} row", "{number:,} rows", due.eligible),
            table=archive.table,
            bound=bound,
        ),
        object=f"table {archive.table}",
        value=due.eligible,
        threshold=1,
        unit="rows",
        reasons=(
            _(
                "They are past the retention of {days:g} days; the oldest is of {oldest}.",
                days=days,
                oldest=due.oldest,
            ),
        ),
        why=_("The table grows, and keeps what its policy says it does not."),
        instead=_(
            "manage.py archive --table {table} --dry-run shows what would leave and what is in the "
            "way; a cron entry makes it a habit.",
            table=archive.table,
        ),
    )


def _last_success(archive: Archive, context: Context) -> datetime | None:
    if _backend(context).catalog.relation(MaintenanceRun._meta.db_table) is None:
        return None
    runs = MaintenanceRun.objects.using(context.alias).filter(
        operation=Operation.ARCHIVE,
        database=context.alias,
        target=archive.table,
        state=State.SUCCEEDED,
    )
    ended = runs.values_list("finished_at", flat=True).first()
    return aware(ended) if ended else None


@register("dbhealth.A002", title="An archive is behind its source")
def behind(context: Context) -> Iterator[Finding]:
    """Compare the columns of sources and archives as the database has them."""
    for archive in _archives(context):
        if any(source_problems(archive)):
            continue
        for number, refusal in enumerate(structural_refusals(archive, _backend(context))):
            yield context.finding(
                Level.ERROR,
                refusal.what,
                object=f"table {archive.archive_table}" + (f" ({refusal.code})" if number else ""),
                confidence=Confidence.HIGH,
                why=_(
                    "{why} Until then no row of {table} leaves.",
                    why=refusal.why,
                    table=archive.table,
                ),
                instead=refusal.instead,
            )
