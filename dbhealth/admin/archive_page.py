"""The page of one archive: its policy in words, its figures, what was done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dbhealth.admin.archive_deeds import RestoreRun
from dbhealth.admin.charts import bars
from dbhealth.admin.format import UNKNOWN, as_of, number, size
from dbhealth.admin.permissions import Permission, may
from dbhealth.admin.places import address_of, deed_on
from dbhealth.admin.run_state import badges
from dbhealth.archive.family import children_of
from dbhealth.archive.policy import MOVE, ArchivePolicy
from dbhealth.archive.registry import Archive
from dbhealth.clock import aware, now
from dbhealth.models import MaintenanceRun, TrackedArchive
from dbhealth.runs.models import Operation
from dbhealth.runs.schedule import Scheduled, next_run

RUNS, BARS = 10, 30
"""So many runs are listed, and drawn."""


def detail(site: AdminSite, row: TrackedArchive, archive: Archive | None) -> dict[str, Any]:
    """Return what the page shows; ``archive`` is None where the code has it no more."""
    last = list(_runs(row)[:RUNS])
    return {
        "figures": _figures(row),
        "policy": list(in_words(archive)) if archive else [],
        "is_declared": archive is not None,
        "chart": _chart(row),
        "runs": [
            {**_run(site, run), "badge": badge}
            for run, badge in zip(last, badges(last, row.database), strict=True)
        ],
    }


def span(value: timedelta | None, without: str = UNKNOWN) -> str:
    """Return a time for which something is kept: whole days, or as it is."""
    if value is None:
        return without
    if value.seconds or value.microseconds:
        return str(value)
    return ngettext("%s day", "%s days", value.days) % number(value.days)


def counted(row: TrackedArchive, rows: int | None) -> str:
    """Return a number of rows; with a mark where it is the server's estimate."""
    return f"~{number(rows)}" if row.estimated and rows is not None else number(rows)


def planned(scheduled: Scheduled | None) -> str | SafeString:
    """Return when cron starts something, or by which expression."""
    if scheduled is None:
        return UNKNOWN
    if scheduled.at is None:
        return scheduled.expression
    return formats.date_format(timezone.localtime(scheduled.at), "SHORT_DATETIME_FORMAT")


def in_words(archive: Archive) -> Iterator[str]:
    """Yield a policy sentence by sentence."""
    policy = archive.own_policy or ArchivePolicy(timestamp_field="")
    names = {"table": archive.table, "archive": archive.archive_table}
    if archive.leaves_alone:
        said = _(
            "A row leaves %(table)s for %(archive)s when its %(field)s lies %(span)s and more back."
        )
        keeps = {"field": policy.timestamp_field, "span": span(policy.retention)}
        yield said % {**names, **keeps}
    else:
        yield _("Rows leave %(table)s for %(archive)s only with the rows they belong to.") % names
    if policy.where is not None:
        yield _("Only rows may leave that fulfil %s.") % policy.where
    if children := [child.table for child in children_of(archive)]:
        yield _("With a row leave those of %s that point at it, in the same transaction.") % (
            ", ".join(children)
        )
        yield (
            _("Younger rows below it leave as well.")
            if policy.children_newer == MOVE
            else _("It stays as long as anything below it is younger.")
        )
    if policy.allow_dangling:
        yield _("These may go on pointing at rows that have left: %s.") % (
            ", ".join(policy.allow_dangling)
        )
    if policy.batch_size:
        yield _("A transaction moves %s rows at the most.") % number(policy.batch_size)
    yield (
        _("The archive keeps its rows for ever.")
        if policy.purge_after is None
        else _("The archive keeps its rows for %s after they came.") % span(policy.purge_after)
    )


def _figures(row: TrackedArchive) -> list[tuple[str, Any]]:
    moment = now()
    found: list[tuple[str, Any]] = [
        (_("Model"), row.model),
        (_("Rows in the table"), counted(row, row.rows)),
        (_("May leave"), number(row.eligible)),
        (_("Oldest row"), as_of(row.oldest)),
        (_("Archived rows"), counted(row, row.archive_rows)),
        (_("Size of the table"), size(row.bytes)),
        (_("Size of the archive"), size(row.archive_bytes)),
    ]
    if row.retention is not None:
        found.append((_("Next run"), planned(next_run(Operation.ARCHIVE, moment))))
    if row.purge_after is not None:
        found.append((_("May be purged"), number(row.purgeable)))
        found.append((_("Next purge"), planned(next_run(Operation.PURGE, moment))))
    return found


def _runs(row: TrackedArchive) -> Any:
    """Return the runs that have moved rows of the two tables, the newest first."""
    own = Q(target=row.table, operation__in=[Operation.ARCHIVE, Operation.RESTORE])
    purges = Q(target=row.archive_table, operation=Operation.PURGE)
    runs = MaintenanceRun.objects.using(row.database).filter(own | purges, database=row.database)
    return runs.defer("proof", "result", "error", "traceback", "options")


def _run(site: AdminSite, run: MaintenanceRun) -> dict[str, Any]:
    return {"row": run, "url": address_of(site, run), "restore": restore_address(site, run)}


def restore_address(site: AdminSite, run: MaintenanceRun) -> str:
    """Return the address that asks whether to bring back all that a run has archived.

    Empty where it has archived nothing, and where the site has no page of runs.
    """
    if RestoreRun().why_not(run):
        return ""
    try:
        return deed_on(site, MaintenanceRun, RestoreRun.name, run.database, run.pk)
    except NoReverseMatch:
        return ""


def restore_buttons(site: AdminSite, request: HttpRequest, run: MaintenanceRun) -> list[Any]:
    """Return the button that leads there, for who may restore."""
    address = restore_address(site, run) if may(request, Permission.RESTORE) else ""
    return [{"label": RestoreRun.label, "why_not": "", "url": address}] if address else []


def _chart(row: TrackedArchive) -> SafeString:
    """Return how many rows each of the last archive runs has moved."""
    runs = _runs(row).filter(operation=Operation.ARCHIVE, rows_done__gt=0)
    moved = [(aware(run.created_at), run.rows_done) for run in runs[:BARS]][::-1]
    if len(moved) < 2:
        return SafeString("")
    days = [formats.date_format(timezone.localtime(at), "SHORT_DATE_FORMAT") for at, _rows in moved]
    most = max(rows for _at, rows in moved)
    text = _("%(runs)s runs; the largest moved %(most)s rows, the last %(last)s.") % {
        "runs": number(len(moved)),
        "most": number(most),
        "last": number(moved[-1][1]),
    }
    values = [
        (f"{day}: {number(rows)}", float(rows))
        for day, (_at, rows) in zip(days, moved, strict=True)
    ]
    return bars(
        values,
        title=_("Rows moved by each run"),
        text=text,
        labels=(number(most), "0", days[0], days[-1]),
    )
