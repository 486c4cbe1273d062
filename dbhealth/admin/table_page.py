"""The parts of the page of one table, each out of what is kept about the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from dbhealth.admin.findings import ranked
from dbhealth.admin.format import UNKNOWN, as_of, duration, number, share, size
from dbhealth.admin.places import address_of
from dbhealth.admin.run_state import badges
from dbhealth.admin.sizes import size_chart
from dbhealth.archive.tracked import TrackedArchive
from dbhealth.backends import get_backend
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.clock import aware, kept
from dbhealth.indexes.models import TrackedIndex
from dbhealth.maintenance.growth import SizeHistory
from dbhealth.maintenance.models import TrackedTable
from dbhealth.models import FindingRecord, MaintenanceRun
from dbhealth.runs.stepped import EVERYTHING

Figures = list[tuple[str, Any]]

_RUNS = 10
"""So many runs are shown."""

_READ = 100
"""So many are looked at: those of the whole database name their tables in their options."""


def detail(site: AdminSite, row: TrackedTable) -> dict[str, Any]:
    """Return what the page of a table shows; asks for each part once."""
    indexes = list(
        TrackedIndex.objects.using(row.database)
        .filter(database=row.database, table=row.table)
        .order_by("-bytes", "name")
    )
    archives = list(
        TrackedArchive.objects.using(row.database)
        .filter(Q(table=row.table) | Q(archive_table=row.table), database=row.database)
        .order_by("table")
    )
    return {
        "figures": _sizes(row),
        "upkeep": _upkeep(row),
        "file": _file(row.database),
        "chart": _chart(row),
        "indexes": [{"row": index, "url": address_of(site, index)} for index in indexes],
        "findings": _findings(site, row, indexes),
        "archives": [_archive(site, row, archive) for archive in archives],
        "runs": _runs(site, row, archives),
    }


def _sizes(row: TrackedTable) -> Figures:
    facts = row.figures
    growth = facts.get("growth") or {}
    own = None if row.bytes is None else row.bytes - (row.index_bytes or 0)
    mark = "" if row.measured else "~"
    found: Figures = [
        (_("Model"), row.model or _("none")),
        (_("Rows"), number(row.rows)),
        (_("Size"), f"{mark}{size(row.bytes)}"),
        (_("Share of the database"), share(row.share)),
        (_("Without its indexes"), f"{mark}{size(own)}"),
        (_("Its indexes"), f"{mark}{size(row.index_bytes)}"),
    ]
    if facts.get("toast_bytes"):
        found.append((_("Out of line (TOAST)"), size(facts["toast_bytes"])))
    if row.wasted_bytes is not None:
        found.append((_("Wasted"), _wasted(row)))
    if row.parent:
        found.append((_("Partition of"), row.parent))
    if growth.get("in_30_days") is not None:
        found.append((_("In 30 days"), size(growth["in_30_days"])))
        found.append((_("In 90 days"), size(growth["in_90_days"])))
    return found


def _wasted(row: TrackedTable) -> str:
    facts = row.figures
    bloat = facts.get("bloat") or {"bytes": facts.get("bytes"), "exact": True}
    part = row.wasted_bytes / bloat["bytes"] if bloat["bytes"] and row.wasted_bytes else 0.0
    return f"{'' if bloat['exact'] else '~'}{size(row.wasted_bytes)} ({share(part)})"


def _upkeep(row: TrackedTable) -> Figures:
    facts = row.figures
    limits = facts.get("autovacuum")
    if limits is None:  # the engine counts nothing
        return [(_("Rows that the planner believes in"), number(facts.get("analyzed_rows")))]
    return [
        (_("Dead rows"), f"{number(row.dead_rows)} ({share(row.dead_share)})"),
        (_("Vacuumed"), as_of(row.vacuumed_at)),
        (_("by autovacuum"), _moment(facts, "last_autovacuum")),
        (_("Analyzed"), as_of(row.analyzed_at)),
        (_("by autovacuum"), _moment(facts, "last_autoanalyze")),
        (_("Autovacuum is due for"), _due(limits)),
        (_("comes at dead rows"), number(round(limits["dead"]))),
        (_("Changed since analyze"), number(facts.get("changed_rows"))),
        (_("Inserted since vacuum"), number(facts.get("inserted_rows"))),
        (_("Oldest row (transactions)"), number(facts.get("age"))),
        (_("HOT updates"), share(facts.get("hot_share"))),
        (_("Found in the cache"), share(facts.get("hit_share"))),
        (_("Options"), ", ".join(facts.get("options", ())) or _("none")),
    ]


def _moment(facts: dict[str, Any], name: str) -> Any:
    return as_of(parse_datetime(facts[name])) if facts.get(name) else UNKNOWN


def _due(limits: dict[str, Any]) -> str:
    words = [*([] if limits["enabled"] else [_("off")]), *limits["due"]]
    return ", ".join(words) or _("nothing")


def _file(alias: str) -> Figures:
    """Return the figures of a database that is a file; they cost nothing to ask for."""
    backend = get_backend(alias)
    if not backend.features.is_a_file:
        return []
    facts = backend.file.facts()
    free = facts.free_pages / facts.pages if facts.pages else 0.0
    return [
        (_("Size"), size(facts.bytes)),
        (_("Free pages"), f"{size(facts.free_bytes)} ({share(free)})"),
        (_("Page size"), size(facts.page_size)),
        (_("Journal"), facts.journal_mode),
        (_("Write-ahead log"), size(facts.wal_bytes)),
    ]


def _chart(row: TrackedTable) -> Any:
    if row.bytes is None:
        return ""
    source = StatisticsSource(name="", now=aware(row.looked_at))
    history = SizeHistory(row.database, source, [row.table])
    series = history.series(row.bytes, *history.of_table(row.table))
    return size_chart(_("Size with indexes"), [(kept(moment), amount) for moment, amount in series])


def _findings(
    site: AdminSite, row: TrackedTable, indexes: Sequence[TrackedIndex]
) -> list[dict[str, Any]]:
    """Return what is open about the table, its columns, its constraints and its indexes."""
    schema, _dot, _table = row.table.rpartition('"."')
    prefix = f"{schema}." if schema else ""
    about = (
        Q(object=f"table {row.table}")
        | Q(object__startswith=f"table {row.table} (")
        | Q(object__startswith=f"column {row.table}.")
        | Q(object__startswith="constraint ", object__endswith=f" of {row.table}")
        | Q(object__in=[f"index {prefix}{index.name}" for index in indexes])
    )
    rows = FindingRecord.objects.using(row.database).filter(
        about, database=row.database, resolved_at__isnull=True
    )
    return [{"record": record, "url": address_of(site, record)} for record in ranked(rows)]


def _archive(site: AdminSite, row: TrackedTable, archive: TrackedArchive) -> dict[str, Any]:
    is_source = archive.table == row.table
    title = _("Its policy: %s") if is_source else _("Archive of another table: %s")
    figures: Figures = [
        (_("Keeps rows for"), _days(archive.retention)),
        (_("Archive keeps them for"), _days(archive.purge_after, _("ever"))),
        (_("Rows that may leave"), number(archive.eligible)),
        (_("Oldest row"), as_of(archive.oldest)),
        (_("Archived rows"), number(archive.archive_rows)),
        (_("Size of the archive"), size(archive.archive_bytes)),
        (_("As of"), as_of(archive.counted_at)),
    ]
    return {"title": title % archive, "url": address_of(site, archive), "figures": figures}


def _days(delta: Any, without: str = UNKNOWN) -> str:
    return without if delta is None else duration(delta.total_seconds())


def _runs(
    site: AdminSite, row: TrackedTable, archives: Sequence[TrackedArchive]
) -> list[dict[str, Any]]:
    targets = {row.table, EVERYTHING, *(archive.table for archive in archives)}
    rows = (
        MaintenanceRun.objects.using(row.database)
        .filter(database=row.database, target__in=sorted(targets))
        .defer("proof", "result", "error", "traceback", "pace")
    )
    found = list(_touching(row.table, rows[:_READ]))[:_RUNS]
    return [
        {"row": run, "url": address_of(site, run), "badge": badge}
        for run, badge in zip(found, badges(found, row.database), strict=True)
    ]


def _touching(table: str, runs: Any) -> Iterator[MaintenanceRun]:
    """Yield the runs that were about the table; one of everything may name its tables."""
    for run in runs:
        named = run.options.get("terms", {}).get("tables")
        if run.target != EVERYTHING or named is None or table in named:
            yield run
