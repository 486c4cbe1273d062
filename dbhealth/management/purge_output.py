"""How ``purge_archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from dbhealth.archive.purge_results import PurgeResult, PurgeTable
from dbhealth.archive.results import SUCCEEDED
from dbhealth.management.archive_output import (
    fact,
    refusal_text,
    remark,
    show_statement,
    state_cell,
)
from dbhealth.management.terminal import Grid, count, day, duration, moment, number
from dbhealth.runs.claim import command
from dbhealth.runs.states import State

NOTHING_TO_PURGE = (
    "No archive has a purge_after, so all of them keep their rows for ever. "
    "Give a policy one, or say --table and --older-than-days."
)

_RUNS_SHOWN = 10
"""The runs with the most rows are named; the others are one line."""


def show_run(console: Console, result: PurgeResult) -> None:
    """Show what was deleted: a table, then what is to be said of single archives."""
    headings = ("archive", "state", "rows", "batches", "rows/s", "time", "run", "archived before")
    grid = Grid(headings, left=frozenset({"state"}))
    for name, entry in result["tables"].items():
        grid.add(
            name,
            state_cell(entry),
            number(entry["rows"]),
            number(entry["batches"]),
            number(entry["rows_per_second"]),
            duration(entry["seconds"]),
            str(entry["run"] or "-"),
            day(entry["cutoff"]),
        )
    if grid.rows:
        grid.show(console)
    for name, entry in result["tables"].items():
        if texts := _remarks(entry):
            remark(console, name, texts)
    summary = result["summary"]
    if not summary["tables"]:
        console.print(NOTHING_TO_PURGE, highlight=False)
        return
    rows = count(summary["total_records_purged"], "archived row")
    done = f"{rows} deleted for good in {duration(summary['seconds'])}."
    console.print(f"\n{done}", highlight=False)


def _remarks(entry: PurgeTable) -> list[str]:
    texts = []
    if entry["stopped"]:
        texts.append(f"{entry['stopped']}; {_goes_on(entry)}")
    elif entry["resumed"] and entry["state"] in SUCCEEDED:
        texts.append("carried on with under its own cutoff; what has aged since goes next time.")
    if entry["refusals"]:
        texts += [f"refused: {refusal_text(refusal)}" for refusal in entry["refusals"]]
    elif entry["error"]:
        log = f" The run log has the traceback of run {entry['run']}." if entry["run"] else ""
        texts.append(f"{entry['error'].rstrip()}{log}")
    return texts


def _goes_on(entry: PurgeTable) -> str:
    """Say who deletes the rows that were left."""
    if entry["state"] == State.CANCELLED:
        return "what was deleted is gone, and a new run takes the rest."
    if entry["state"] == State.PAUSED and entry["run"] is not None:
        line = command("resume", entry["run"], entry["database"])
        return f"nothing else purges this archive until it is resumed: {line}"
    return "the next run goes on."


def failure(result: PurgeResult) -> str:
    """Return the sentence about the archives that were not done, empty where all are."""
    names = [name for name, e in result["tables"].items() if e["state"] not in SUCCEEDED]
    if not names:
        return ""
    archives = count(len(result["tables"]), "archive")
    was = "was" if len(names) == 1 else "were"
    was = "would not be" if result["summary"]["dry_run"] else f"{was} not"
    return f"{len(names)} of {archives} {was} purged: {', '.join(names)}."


def show_plan(console: Console, result: PurgeResult) -> None:
    """Show what a purge would do, archive by archive."""
    for name, entry in result["tables"].items():
        _plan(console, name, entry)
    if not result["summary"]["tables"]:
        console.print(NOTHING_TO_PURGE, highlight=False)
        return
    plans = [e["plan"] for e in result["tables"].values() if e["state"] in SUCCEEDED and e["plan"]]
    rows = sum(plan["rows_to_purge"] or 0 for plan in plans)
    console.print(
        f"Dry run: nothing was changed. {count(rows, 'archived row')} would be deleted for good "
        f"from {count(len(plans), 'archive')}.",
        highlight=False,
    )


def _plan(console: Console, name: str, entry: PurgeTable) -> None:
    console.print(f"[bold]{escape(name)}[/]", soft_wrap=True, highlight=False)
    plan = entry["plan"]
    if plan is None:
        fact(console, "would fail", entry["error"], accent="red")
        console.print()
        return
    fact(console, "archive of", entry["table"])
    for label, value in _facts(plan):
        fact(console, label, value)
    for refusal in plan["refusals"]:
        fact(console, "in the way", refusal_text(refusal), accent="red")
    for note in plan["notes"]:
        fact(console, "note", note)
    if plan["rows_to_purge"]:
        for place, statement in enumerate(plan["statements"], 1):
            show_statement(console, place, statement)
    console.print()


def _facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    if plan["purge_after_days"] is None:
        return []
    days = f"{plan['purge_after_days']:g} day{'' if plan['purge_after_days'] == 1 else 's'}"
    found = [("cutoff", f"{moment(plan['cutoff'])} UTC (keeps {days})")]
    if plan["rows"] is None:
        return found
    share = "" if not plan["rows_eligible"] else f" ({plan['share']:.1%})"
    found += [
        ("rows in it", number(plan["rows"])),
        ("past the cutoff", f"{number(plan['rows_eligible'])}{share}"),
        ("archived", f"{moment(plan['oldest'])} to {moment(plan['newest'])}"),
    ]
    if not plan["rows_to_purge"]:
        return [*found, ("would delete", "nothing")]
    batches = count(plan["estimated_batches"], "batch", "batches")
    return [
        *found,
        (
            "written",
            f"{moment(plan['oldest_source'])} to {moment(plan['newest_source'])}",
        ),
        ("archived by", _runs(plan["runs"])),
        (
            "would delete",
            f"{count(plan['rows_to_purge'], 'row')} for good in about {batches} of at most "
            f"{count(plan['batch_size'], 'row')}",
        ),
        ("would take", f"about {duration(plan['estimated_seconds'])} ({plan['estimate_basis']})"),
    ]


def _runs(runs: dict[str, int]) -> str:
    largest = sorted(runs.items(), key=lambda pair: pair[1], reverse=True)
    said = [f"run {run} ({count(rows, 'row')})" for run, rows in largest[:_RUNS_SHOWN]]
    if rest := largest[_RUNS_SHOWN:]:
        rows = count(sum(number for _, number in rest), "row")
        said.append(f"{count(len(rest), 'other run')} ({rows})")
    return ", ".join(said)
