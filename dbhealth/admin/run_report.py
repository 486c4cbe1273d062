"""What a run tells of itself: error, refusals, notes, steps and tables, for who may see which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from dbhealth.admin.format import UNKNOWN, duration, number, size
from dbhealth.admin.run_pace import title_of
from dbhealth.admin.words import STEPS
from dbhealth.archive.restore_refusals import ROW_KINDS, without_keys
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import CountMismatch, DigestMismatch, RowChanged, SchemaChanged
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import State

MOST_STEPS = 500
"""So many steps stand on the page; those that were not done come first."""

_DRIVER = "The database said:"
"""What follows in an error are the driver's own words, which may name values of rows."""

_PLAIN = tuple(f"{str(trouble).capitalize()}. " for trouble in Trouble if trouble != Trouble.OTHER)
"""How errors begin that are told in our own words up to the driver's."""

_STOPPED = ("stopped by", "Stopped at once", "the statement was ended", "It was stopped before")
"""How the error of a run begins that somebody has interrupted; any other one quotes somebody."""

_WITHOUT_VALUES = (CountMismatch, DigestMismatch, RowChanged, SchemaChanged)
"""Errors of ours that name tables and numbers of rows, and no value."""

_KEYS = frozenset({"keys"})
"""Options that name rows."""


def report(run: MaintenanceRun, *, sensitive: bool) -> dict[str, Any]:
    """Return what the page shows below the moving part; its template has the same names."""
    result = run.result
    refused = result.get("refusals", ())
    refusals = refused if sensitive else [_keyless(refusal) for refusal in refused]
    error = run.error if sensitive else told(run)
    steps = sorted(result.get("steps", ()), key=lambda step: step["state"] == "done")
    return {
        # Refusals are told one by one; together they are all of the error.
        "error": "" if refusals else error,
        "hidden": error != run.error and not refusals,
        "refusals": refusals,
        "notes": result.get("notes", ()),
        "conflicts": result.get("conflicts", ()),
        "steps": [_step(step, sensitive=sensitive) for step in steps[:MOST_STEPS]],
        "more_steps": max(0, len(steps) - MOST_STEPS),
        "tables": list(_tables(run)),
        "purged": [(run_id, number(rows)) for run_id, rows in result.get("purged", {}).items()],
        "options": list(options(run, sensitive=sensitive)),
        "process": list(_process(run)) if sensitive else (),
        "traceback": run.traceback if sensitive else "",
    }


def _keyless(refusal: dict[str, str]) -> dict[str, str]:
    """Return a refusal without the keys of the rows that are in conflict."""
    if refusal.get("code") not in ROW_KINDS:
        return refusal
    return {**refusal, "what": without_keys(refusal["what"])}


def told(run: MaintenanceRun) -> str:
    """Return what everybody may read of a run's error: nothing that may name a value of a row."""
    if run.state != State.FAILED and not _may_quote(run):
        return run.error  # why it was cancelled or interrupted, which no driver has words about
    if run.error.startswith(_PLAIN):
        return run.error.partition(_DRIVER)[0].strip()
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in _WITHOUT_VALUES)
    is_ours = any(f"{name}: {run.error}" in run.traceback for name in names)
    return run.error if is_ours else ""


def _may_quote(run: MaintenanceRun) -> bool:
    """Return whether what interrupted a run is told in other words than our own."""
    return run.state == State.INTERRUPTED and not run.error.startswith(_STOPPED)


def _step(step: dict[str, Any], *, sensitive: bool) -> dict[str, Any]:
    before, after = step.get("bytes_before"), step.get("bytes_after")
    known = before is not None and after is not None
    return {
        "what": title_of(step),
        "table": step["table"],
        "state": STEPS.get(step["state"], step["state"]),
        "time": duration(step["seconds"]) if step["state"] == "done" else UNKNOWN,
        "bytes": f"{size(before)} → {size(after)}" if known else UNKNOWN,
        "error": _step_error(step["error"], sensitive=sensitive),
    }


def _step_error(error: str, *, sensitive: bool) -> str:
    # That of a lock names sessions and no value; any other may be the driver's.
    if sensitive or error.startswith("It waited for a lock"):
        return error
    return _("Only for those who may see sensitive figures.") if error else ""


def _tables(run: MaintenanceRun) -> Iterator[dict[str, Any]]:
    """Yield what has left each table, with the checksum that proves it."""
    for table, proof in run.proof.items():
        unproven = proof.get("unproven", 0)
        yield {
            "table": table,
            "archive": proof.get("archive_table", ""),
            "rows": number(proof.get("rows", 0) + unproven),
            "unproven": number(unproven),
            "digest": proof.get("digest", ""),
            "method": proof.get("method", ""),
        }


def options(run: MaintenanceRun, *, sensitive: bool) -> Iterator[tuple[str, str]]:
    """Yield name and value of what was asked of a run, without what is as it always is."""
    asked = {**run.options.get("terms", {}), **run.options}
    for name, value in asked.items():
        if name == "terms" or value in (None, "", [], False):
            continue
        if name in _KEYS and not sensitive:
            yield name, _("%d rows") % len(value)
        else:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _process(run: MaintenanceRun) -> Iterator[tuple[str, str]]:
    yield _("Process"), f"{run.pid} · {run.host}" if run.pid else UNKNOWN
    yield _("Times it was taken"), number(run.generation)
    yield _("Last row that is done"), json.dumps(run.cursor) if run.cursor else UNKNOWN
