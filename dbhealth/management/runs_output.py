"""How ``maintenance_runs`` shows the run log to people."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from dbhealth.management.archive_output import ARCHIVE
from dbhealth.management.init_output import INIT
from dbhealth.management.purge_output import PURGE
from dbhealth.management.restore_output import RESTORE
from dbhealth.management.terminal import Grid, duration, moment, number, paragraph
from dbhealth.management.vacuum_output import VACUUM
from dbhealth.management.verb_output import VerbOutput
from dbhealth.runs.models import Operation
from dbhealth.runs.standing import Kind
from dbhealth.runs.states import ENDED, State

_STYLES = {"succeeded": "green", "failed": "red", "paused": "yellow", "interrupted": "yellow"}

_SENTENCES = {
    State.PAUSING: "the batch at work ends first.",
    State.CANCELLING: "the batch at work ends first.",
    State.CANCELLED: "rows that it has moved stay where they are.",
}
"""What follows from the state that somebody has asked for."""

_OF_INDEXES = {
    State.PAUSING: "the index at work is finished first.",
    State.CANCELLING: "the build at work is ended, where the engine can.",
    State.CANCELLED: "indexes that it has made stay.",
}
"""The same of a run over indexes."""

_OF_TABLES = {
    State.PAUSING: "the table at work is finished first.",
    State.CANCELLING: "the statement at work is ended, where the engine can.",
    State.CANCELLED: "tables that it has vacuumed stay so.",
}
"""The same of a vacuum."""

_OF = {Operation.INIT_INDEXES: _OF_INDEXES, Operation.VACUUM: _OF_TABLES}

OUTPUTS: dict[str, VerbOutput] = {
    Operation.ARCHIVE: ARCHIVE,
    Operation.RESTORE: RESTORE,
    Operation.PURGE: PURGE,
    Operation.INIT_INDEXES: INIT,
    Operation.VACUUM: VACUUM,
}
"""How the result of each verb is shown."""


def show_runs(console: Console, found: dict[str, Any]) -> None:
    """Show runs, one a line."""
    runs = found["runs"]
    if not runs:
        console.print("There are no such runs.", highlight=False)
        return
    left = frozenset({"state", "operation", "target", "database", "created", "by"})
    grid = Grid(
        ("run", "state", "operation", "target", "database", "rows", "created", "time", "by"), left
    )
    for run in runs:
        grid.add(
            str(run["id"]),
            _state(run),
            run["operation"],
            escape(run["target"]),
            escape(run["database"]),
            _rows(run),
            moment(run["created_at"])[:16],
            duration(_seconds(run)),
            escape(run["started_by"] or run["trigger"]),
        )
    grid.show(console)


def _state(run: dict[str, Any]) -> str:
    if run["dead"]:
        return f"[red]{run['state']}, dead[/]"
    if run["standing"]["kind"] == Kind.UNTAKEN:
        return f"[yellow]{run['state']}, not taken[/]"
    style = _STYLES.get(run["state"])
    return f"[{style}]{run['state']}[/]" if style else run["state"]


def _rows(run: dict[str, Any]) -> str:
    done, expected = number(run["rows_done"]), run["rows_expected"]
    is_done = run["state"] in ENDED - {State.INTERRUPTED}
    return done if is_done or expected is None else f"{done} of {number(expected)}"


def _seconds(run: dict[str, Any]) -> float | None:
    if not run["started_at"] or not run["finished_at"]:
        return None
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def show_one(console: Console, run: dict[str, Any]) -> None:
    """Show every field of a run; the traceback, which nobody wraps, comes last."""
    console.print(f"[bold]Run {run['id']}[/]", highlight=False)
    for label, value in _fields(run):
        paragraph(console, value, label=f"  {label}", indent=len("  last sign of life  "))
    if run["traceback"]:
        console.print()
    for line in run["traceback"].splitlines():
        console.print(Text(line), soft_wrap=True, highlight=False)


def _fields(run: dict[str, Any]) -> list[tuple[str, str]]:
    process = f"{run['pid']} on {run['host']}" if run["pid"] else "-"
    dead = ", but its process is dead" if run["dead"] else ""
    return [
        ("operation", f"{run['operation']} of {run['target']}"),
        ("database", run["database"]),
        ("state", f"{run['state']}{dead}"),
        ("that is", run["standing"]["sentence"]),
        ("what can be done", ", ".join(run["choices"]) or "-"),
        ("started by", f"{run['started_by'] or '-'} ({run['trigger']})"),
        ("process", process),
        ("generation", str(run["generation"])),
        ("created", moment(run["created_at"])),
        ("started", moment(run["started_at"])),
        ("last sign of life", moment(run["heartbeat_at"])),
        ("finished", moment(run["finished_at"])),
        ("cutoff", moment(run["cutoff"])),
        ("rows", f"{number(run['rows_done'])} of {number(run['rows_expected'])}"),
        ("batches", number(run["batches"])),
        ("at work on", run["doing"] or "-"),
        ("holding back", run["holding_back"] or "-"),
        ("cursor", _json(run["cursor"])),
        ("options", _json(run["options"])),
        ("result", _json(run["result"])),
        ("error", run["error"] or "-"),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value else "-"


def show_change(console: Console, run: dict[str, Any]) -> None:
    """Say what has become of a run."""
    what = f"Run {run['id']} ({run['operation']} of {run['target']}) is {run['state']}"
    sentences = _OF.get(run["operation"], _SENTENCES)
    paragraph(console, f"{what}: {sentences[State(run['state'])]}", indent=0)
