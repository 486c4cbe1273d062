"""The parts of the page of one index, each out of what is kept about the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dbhealth.admin.format import UNKNOWN, as_of, badge, number, share, size
from dbhealth.admin.index_history import history
from dbhealth.admin.index_plans import dropping, rebuilding
from dbhealth.admin.index_uses import uses
from dbhealth.admin.permissions import Permission, may
from dbhealth.admin.places import address_of
from dbhealth.admin.words import CONFIDENCES, VERDICTS
from dbhealth.indexes.models import IndexState, TrackedIndex
from dbhealth.models import TrackedTable

Figures = list[tuple[str, Any]]


def detail(site: AdminSite, request: HttpRequest, row: TrackedIndex) -> dict[str, Any]:
    """Return what the page of an index shows; asks for each part once."""
    of_table = TrackedIndex.objects.using(row.database).filter(
        database=row.database, table=row.table
    )
    beside = twins(row, list(of_table.exclude(state=IndexState.GONE).order_by("name")))
    return {
        "state": badge(row.get_state_display(), row.level or "info"),
        "figures": _figures(row),
        "table_url": _table(site, row),
        "said": [_verdict(verdict) for verdict in row.verdicts],
        "twins": _compared(site, row, beside),
        "history": history(row),
        "uses": uses(row, texts=may(request, Permission.SENSITIVE)),
        "plans": [plan for plan in (rebuilding(row), dropping(row)) if plan is not None],
    }


def _figures(row: TrackedIndex) -> Figures:
    return [
        (_("Table"), row.table),
        (_("Owner"), row.owner or _("nobody declares it")),
        (_("Declared as"), row.kind or UNKNOWN),
        (_("Size"), size(row.bytes)),
        (_("Scans"), number(row.scans)),
        (_("Share of the reads of its table"), share(row.share)),
        (_("Rows read"), number(row.rows_read)),
        (_("Rows fetched"), number(row.rows_fetched)),
        (_("Found in the cache"), share(row.hit_ratio)),
        (_("Last scan"), as_of(row.last_scan)),
        (_("Last look that found it used"), as_of(row.last_used)),
        (_("Known since"), as_of(row.first_seen)),
        (_("Method"), row.method or UNKNOWN),
        (_("Enforces"), row.holds or _("nothing")),
    ]


def _table(site: AdminSite, row: TrackedIndex) -> str:
    found = TrackedTable.objects.using(row.database).filter(database=row.database, table=row.table)
    table = found.only("pk", "database").first()
    return address_of(site, table) if table else ""


def _verdict(verdict: dict[str, Any]) -> dict[str, Any]:
    code = verdict["code"]
    return {
        **verdict,
        "label": badge(str(VERDICTS.get(code, code)), verdict["level"]),
        "sureness": CONFIDENCES.get(verdict["confidence"], verdict["confidence"]),
    }


def twins(row: TrackedIndex, of_table: Sequence[TrackedIndex]) -> list[TrackedIndex]:
    """Return an index with those that it makes superfluous, or that make it so; itself first.

    Also those that give way to the same one. Without any, nothing.
    """
    gives_way = {index.name: instead_of(index) for index in of_table}
    group = {row.name}
    while True:
        more = {name for name, other in gives_way.items() if other in group}
        more |= {gives_way[name] for name in group if gives_way.get(name)}
        if more <= group:
            break
        group |= more
    found = [index for index in of_table if index.name in group]
    found.sort(key=lambda index: (index.name != row.name, index.name))
    return found if len(found) > 1 else []


def instead_of(row: TrackedIndex) -> str:
    """Return the name of the index that serves in place of one, empty where there is none."""
    return next((verdict["other"] for verdict in row.verdicts if verdict["other"]), "")


def _compared(
    site: AdminSite, row: TrackedIndex, beside: Sequence[TrackedIndex]
) -> list[dict[str, Any]]:
    found = []
    for index in beside:
        other = instead_of(index)
        why = next((verdict["why"] for verdict in index.verdicts if verdict["other"]), "")
        found.append(
            {
                "row": index,
                "url": "" if index.pk == row.pk else address_of(site, index),
                "keep": not other,
                "what": _("Take it out") if other else _("Keep it"),
                "why": why or index.stays or _("It serves the searches of the others."),
                "used": as_of(index.last_scan or index.last_used),
            }
        )
    return found
