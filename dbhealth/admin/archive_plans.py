"""What archiving, purging and restoring would do, as the pages show it: the verbs' own dry runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from dbhealth.admin.actions import Plan
from dbhealth.admin.format import UNKNOWN, duration, number, share
from dbhealth.archive.plan import Asked
from dbhealth.archive.preview import preview
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.purge_preview import preview_purge
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_api import prepared
from dbhealth.archive.restore_refusals import without_keys
from dbhealth.archive.restore_results import ConflictEntry, RestoredTable
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.archive.results import TableResult
from dbhealth.archive.snapshots import moment
from dbhealth.clock import aware
from dbhealth.models import TrackedArchive
from dbhealth.runs.circumstances import Circumstances
from dbhealth.saying import translated

Figures = list[tuple[str, Any]]


def archive_of(row: TrackedArchive) -> Archive | None:
    """Return the archive that a row is about, None where the code has it no more."""
    from dbhealth.archive.registry import archives

    return next((each for each in archives() if each.table == row.table), None)


def archive_plan(archive: Archive, alias: str, asked: Asked) -> Plan:
    """Return what archiving a table would do. Raises what the verb's dry run raises."""
    result = preview(archive, alias, asked)
    facts = result["plan"]
    plan = _plan(result, _archive_figures(facts, alias) if facts else [])
    if facts and facts["rows_to_move"]:
        plan["tree"] = [_branch(facts["family"] or _alone(result))]
    return plan


def purge_plan(archive: Archive, alias: str, asked: PurgeAsked) -> Plan:
    """Return what purging an archive would do. Raises what the verb's dry run raises."""
    result = preview_purge(archive, alias, asked)
    return _plan(result, _purge_figures(result["plan"], alias) if result["plan"] else [])


def restore_plans(
    archives: Iterable[Archive], alias: str, wanted: Wanted, *, sensitive: bool
) -> list[Plan]:
    """Return what restoring would do, table by table, parents first.

    No archives: every table that the run has archived rows of. Without ``sensitive`` no key of a
    row is told. Raises UsageError for a call that makes no sense, and what the dry run raises.
    """
    names = [archive.model for archive in archives]
    looked = prepared(names, alias, wanted, Circumstances()).look()
    return [_restore_plan(entry, sensitive=sensitive) for entry in looked["tables"].values()]


def _plan(result: TableResult, figures: Figures) -> Plan:
    facts = result["plan"] or {}
    title = translated(facts.get("title", result["table"]))
    return {
        "title": title[:1].upper() + title[1:],
        "figures": figures,
        "refusals": result["refusals"],
        "notes": result["notes"],
        "statements": facts.get("statements", []),
    }


def _archive_figures(facts: dict[str, Any], alias: str) -> Figures:
    found: Figures = [
        (_("Older than"), _time(facts["cutoff"], alias)),
        (_("Rows in the table"), number(facts["rows"])),
        (_("May leave"), number(facts["rows_eligible"])),
        (_("Would leave now"), number(facts["rows_to_move"])),
        (_("Oldest of them"), _time(facts["oldest"], alias)),
        (_("Newest of them"), _time(facts["newest"], alias)),
        (_("Without a timestamp"), number(facts["null_timestamps"])),
        (_("In the future"), number(facts["future_timestamps"])),
    ]
    if facts["rows_held_back"]:
        found.append((_("Held back by what belongs to them"), number(facts["rows_held_back"])))
    return [*found, *_pace(facts, facts["rows_to_move"])]


def _purge_figures(facts: dict[str, Any], alias: str) -> Figures:
    return [
        (_("Archived before"), _time(facts["cutoff"], alias)),
        (_("Rows in the archive"), number(facts["rows"])),
        (_("Would be deleted for good"), number(facts["rows_to_purge"])),
        (_("Part of the archive"), share(facts["share"])),
        (_("Archived from"), _time(facts["oldest"], alias)),
        (_("until"), _time(facts["newest"], alias)),
        (_("Written from"), _time(facts["oldest_source"], alias)),
        (_("until"), _time(facts["newest_source"], alias)),
        *_pace(facts, facts["rows_to_purge"]),
    ]


def _pace(facts: dict[str, Any], rows: int | None) -> Figures:
    if not rows:
        return []
    return [
        (_("Transactions"), number(facts["estimated_batches"])),
        (_("Would take about"), duration(facts["estimated_seconds"])),
    ]


def _restore_plan(entry: RestoredTable, *, sensitive: bool) -> Plan:
    facts, alias = entry["plan"] or {}, entry["database"]
    plan = _plan(
        entry,
        [
            (_("Rows chosen"), number(facts.get("rows_chosen"))),
            (_("Would come back"), number(facts.get("rows_to_restore"))),
            (_("Would stay in the archive"), number(facts.get("rows_left_conflicts"))),
            (_("Archived from"), _time(facts.get("archived_from"), alias)),
            (_("until"), _time(facts.get("archived_until"), alias)),
            (_("Transactions"), number(facts.get("estimated_batches"))),
        ],
    )
    told = {each["what"]: _told(each, sensitive=sensitive) for each in entry["conflicts"]}
    plan["refusals"] = [
        {**refusal, "what": told.get(refusal["what"], refusal["what"])}
        for refusal in entry["refusals"]
    ]
    if not plan["refusals"]:
        stays = _("Stays in the archive: %s")
        plan["notes"] = [*plan["notes"], *(stays % translated(what) for what in told.values())]
    return plan


def _told(entry: ConflictEntry, *, sensitive: bool) -> str:
    """Return what a conflict is; without the keys of its rows for who may not see them."""
    hides = entry["sample"] and not sensitive
    return without_keys(entry["what"]) if hides else entry["what"]


def _time(text: str | None, alias: str) -> str:
    """Return a moment of the engine in the project's time zone; one that Python lacks as it is."""
    if not text:
        return UNKNOWN
    if len(text) <= len("2026-01-01"):
        return text
    found = moment(text, alias)
    if found is None:
        return text
    return formats.date_format(timezone.localtime(aware(found)), "SHORT_DATETIME_FORMAT")


def _alone(result: TableResult) -> dict[str, Any]:
    facts = result["plan"] or {}
    return {**result, "rows": facts["rows_to_move"], "by": "", "children": ()}


def _branch(branch: dict[str, Any]) -> dict[str, Any]:
    """Return a table of the tree of what leaves together, and those below it."""
    again = branch.get("counted_before", False)
    return {
        "model": branch["model"],
        "table": branch["table"],
        "archive_table": branch["archive_table"],
        "rows": _("counted above") if again else number(branch["rows"]),
        "by": branch["by"],
        "children": [_branch(child) for child in branch["children"]],
    }
