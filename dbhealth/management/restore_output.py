"""How ``restore_archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from dbhealth.archive.restore_results import ConflictEntry, RestoredTable, RestoreResult
from dbhealth.archive.results import SUCCEEDED
from dbhealth.management.archive_output import show_statement
from dbhealth.management.terminal import Grid, count, duration, moment, number, paragraph

_STYLES = {"succeeded": "green", "planned": "cyan", "interrupted": "yellow", "paused": "yellow"}

_INDENT = len("  archived between  ")


def show_run(console: Console, result: RestoreResult) -> None:
    """Show what came back: a table, then what is to be said of single tables."""
    headings = ("table", "state", "rows", "left", "batches", "rows/s", "time", "run")
    grid = Grid(headings, left=frozenset({"state"}))
    for name, entry in result["tables"].items():
        grid.add(
            name,
            f"[{_STYLES.get(entry['state'], 'red')}]{entry['state']}[/]"
            + (", resumed" if entry["resumed"] else ""),
            number(entry["rows"]),
            number(entry["rows_left_conflicts"]),
            number(entry["batches"]),
            number(entry["rows_per_second"]),
            duration(entry["seconds"]),
            str(entry["run"] or "-"),
        )
    grid.show(console)
    for name, entry in result["tables"].items():
        _remarks(console, name, entry)
    summary = result["summary"]
    text = f"{count(summary['total_records_restored'], 'row')} restored"
    console.print(f"\n{text} in {duration(summary['seconds'])}.", highlight=False)


def _remarks(console: Console, name: str, entry: RestoredTable) -> None:
    texts = []
    if entry["stopped"]:
        texts.append(f"{entry['stopped']}; the same call goes on.")
    if entry["refusals"]:
        texts += [f"refused: {_refusal(refusal)}" for refusal in entry["refusals"]]
    elif entry["error"]:
        log = f" The run log has the traceback of run {entry['run']}." if entry["run"] else ""
        texts.append(f"{entry['error'].rstrip()}{log}")
    else:
        texts += [f"left in the archive: {_conflict(each)}" for each in entry["conflicts"]]
        texts += entry["notes"]
    if not texts:
        return
    console.print(f"[bold]{escape(name)}[/]", soft_wrap=True, highlight=False)
    for text in texts:
        for line in text.splitlines():
            paragraph(console, line, indent=2)


def _refusal(refusal: dict[str, str]) -> str:
    text = f"{refusal['what']} {refusal['why']} {refusal['instead']}"
    override = refusal["override"]
    return f"{text} To go ahead all the same: {override}." if override else text


def _conflict(entry: ConflictEntry) -> str:
    return f"{entry['what']} {entry['why']} {entry['instead']}"


def failure(result: RestoreResult) -> str:
    """Return the sentence about the tables that were not done, empty where all are."""
    names = [name for name, e in result["tables"].items() if e["state"] not in SUCCEEDED]
    if not names:
        return ""
    tables = count(len(result["tables"]), "table")
    was = "was" if len(names) == 1 else "were"
    was = "would not be" if result["summary"]["dry_run"] else f"{was} not"
    return f"{len(names)} of {tables} {was} restored: {', '.join(names)}."


def show_plan(console: Console, result: RestoreResult) -> None:
    """Show what a run would do, table by table."""
    for name, entry in result["tables"].items():
        _plan(console, name, entry)
    done = [e for e in result["tables"].values() if e["state"] in SUCCEEDED and e["plan"]]
    rows = sum(entry["plan"]["rows_to_restore"] or 0 for entry in done if entry["plan"])
    console.print(
        f"Dry run: nothing was changed. {count(rows, 'row')} would be restored to "
        f"{count(len(done), 'table')}.",
        highlight=False,
    )


def _plan(console: Console, name: str, entry: RestoredTable) -> None:
    console.print(f"[bold]{escape(name)}[/]", soft_wrap=True, highlight=False)
    plan = entry["plan"]
    if plan is None:
        _fact(console, "would fail", entry["error"], accent="red")
        console.print()
        return
    _fact(console, "from", entry["archive_table"])
    for label, value in _facts(plan):
        _fact(console, label, value)
    if entry["refusals"]:
        for refusal in entry["refusals"]:
            _fact(console, "in the way", _refusal(refusal), accent="red")
    else:
        for conflict in entry["conflicts"]:
            _fact(console, "would stay", _conflict(conflict), accent="yellow")
    for note in entry["notes"]:
        _fact(console, "note", note)
    if plan["rows_to_restore"] and not entry["refusals"]:
        for place, statement in enumerate(plan["statements"], 1):
            show_statement(console, place, statement)
    console.print()


def _fact(console: Console, label: str, value: str, *, accent: str = "") -> None:
    paragraph(console, value, label=f"  {label}", indent=_INDENT, accent=accent)


def _facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    if plan["rows_chosen"] is None:
        return []
    found = [
        ("rows chosen", number(plan["rows_chosen"])),
        (
            "archived between",
            f"{moment(plan['archived_from'])}, {moment(plan['archived_until'])}",
        ),
    ]
    if not plan["rows_to_restore"]:
        return [*found, ("would restore", "nothing")]
    batches = count(plan["estimated_batches"], "batch", "batches")
    restored = (
        f"{count(plan['rows_to_restore'], 'row')} in about {batches} of at most "
        f"{count(plan['batch_size'], 'row')}"
    )
    return [*found, ("would restore", restored)]
