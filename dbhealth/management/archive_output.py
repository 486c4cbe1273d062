"""How ``archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment, Segments
from rich.tree import Tree

from dbhealth.archive.results import SUCCEEDED, ArchiveResult, TableResult
from dbhealth.management.terminal import (
    Grid,
    count,
    day,
    duration,
    moment,
    number,
    paragraph,
)
from dbhealth.runs.claim import command
from dbhealth.runs.states import State

_STYLES = {"succeeded": "green", "planned": "cyan", "interrupted": "yellow", "paused": "yellow"}


def show_run(console: Console, result: ArchiveResult) -> None:
    """Show what was moved: a table, then what is to be said of single tables."""
    headings = ("table", "state", "rows", "batches", "rows/s", "time", "run", "older than")
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
        _remarks(console, name, entry)
    _sum(console, result)


def state_cell(entry: TableResult) -> str:
    """Return the state in its colour."""
    style = _STYLES.get(entry["state"], "red")
    resumed = ", resumed" if entry["resumed"] else ""
    return f"[{style}]{entry['state']}[/]{resumed}"


def _remarks(console: Console, name: str, entry: TableResult) -> None:
    texts = []
    if entry["stopped"]:
        texts.append(f"{entry['stopped']}; {_goes_on(entry)}")
    elif entry["resumed"] and entry["state"] in SUCCEEDED and entry["plan"] is None:
        texts.append("carried on with under its own cutoff; what has aged since leaves next time.")
    if len(entry["rows_by_table"]) > 1:
        each = entry["rows_by_table"].items()
        texts.append(f"{', '.join(f'{table} {number(rows)}' for table, rows in each)}")
    if left := entry["rows_left_locked"]:
        texts.append(
            f"{count(left, 'row')} stayed, locked by another session; the next run takes them."
        )
    if entry["refusals"]:
        texts += [f"refused: {refusal_text(refusal)}" for refusal in entry["refusals"]]
    elif entry["error"]:
        log = f" The run log has the traceback of run {entry['run']}." if entry["run"] else ""
        texts.append(f"{entry['error'].rstrip()}{log}")
    if texts:
        remark(console, name, texts)


def _goes_on(entry: TableResult) -> str:
    """Say who takes the rows that were left."""
    if entry["state"] == State.CANCELLED:
        return "what has moved stays where it is, and a new run takes the rest."
    if entry["state"] == State.PAUSED and entry["run"] is not None:
        line = command("resume", entry["run"], entry["database"])
        return f"nothing else archives this table until it is resumed: {line}"
    return "the next run goes on."


def remark(console: Console, name: str, texts: list[str]) -> None:
    """Print what is to be said of one table."""
    console.print(f"[bold]{escape(name)}[/]", soft_wrap=True, highlight=False)
    for text in texts:
        for line in text.splitlines():
            paragraph(console, line, indent=2)


def refusal_text(refusal: dict[str, str]) -> str:
    """Return a refusal as one paragraph."""
    text = f"{refusal['what']} {refusal['why']} {refusal['instead']}"
    override = refusal["override"]
    return f"{text} To go ahead all the same: {override}." if override else text


def _sum(console: Console, result: ArchiveResult) -> None:
    summary = result["summary"]
    if not summary["tables"]:
        console.print(NOTHING_DECLARED, highlight=False)
        return
    moved = summary["total_records_archived"]
    text = f"{count(moved, 'row')} archived in {duration(summary['seconds'])}."
    console.print(f"\n{text}", highlight=False)
    if moved:
        console.print(
            "The space they leave is reused by new rows; the files do not shrink.", style="dim"
        )


NOTHING_DECLARED = (
    "No table has an archive yet. Declare one beside its model: "
    "class XArchive(ArchiveModel, source=X) with a policy."
)


def failure(result: ArchiveResult) -> str:
    """Return the sentence about the tables that were not done, empty where all are."""
    names = [name for name, e in result["tables"].items() if e["state"] not in SUCCEEDED]
    if not names:
        return ""
    tables = count(len(result["tables"]), "table")
    was = "was" if len(names) == 1 else "were"
    was = "would not be" if result["summary"]["dry_run"] else f"{was} not"
    return f"{len(names)} of {tables} {was} archived: {', '.join(names)}."


def show_plan(console: Console, result: ArchiveResult) -> None:
    """Show what a run would do, table by table."""
    for name, entry in result["tables"].items():
        _plan(console, name, entry)
    summary = result["summary"]
    if not summary["tables"]:
        console.print(NOTHING_DECLARED, highlight=False)
        return
    done = [e for e in result["tables"].values() if e["state"] in SUCCEEDED and e["plan"]]
    rows = sum(entry["plan"]["rows_to_move"] or 0 for entry in done if entry["plan"])
    console.print(
        f"Dry run: nothing was changed. {count(rows, 'row')} would be archived from "
        f"{count(len(done), 'table')}.",
        highlight=False,
    )


def _plan(console: Console, name: str, entry: TableResult) -> None:
    console.print(f"[bold]{escape(name)}[/]", soft_wrap=True, highlight=False)
    plan = entry["plan"]
    if plan is None:
        fact(console, "would fail", entry["error"], accent="red")
        console.print()
        return
    fact(console, "into", entry["archive_table"])
    for label, value in _facts(plan):
        fact(console, label, value)
    if plan["family"] and plan["rows_to_move"]:
        _tree(console, plan["family"])
    for refusal in plan["refusals"]:
        fact(console, "in the way", refusal_text(refusal), accent="red")
    for note in plan["notes"]:
        fact(console, "note", note)
    if plan["rows_to_move"]:
        for place, statement in enumerate(plan["statements"], 1):
            show_statement(console, place, statement)
    console.print()


def _tree(console: Console, family: dict[str, Any]) -> None:
    """Show which rows leave together, as a tree of their tables."""
    console.print("  leave together", highlight=False)
    tree = Tree(_leaf(family), guide_style="dim")
    _grow(tree, family["children"])
    # Line by line: a Padding would fill each of them up with spaces.
    narrow = console.options.update(width=max(20, console.width - 4), highlight=False)
    for line in console.render_lines(tree, narrow, pad=False):
        console.print(Segments([Segment("    "), *line, Segment.line()]), soft_wrap=True)


def _grow(tree: Tree, children: list[dict[str, Any]]) -> None:
    for child in children:
        _grow(tree.add(_leaf(child)), child["children"])


def _leaf(branch: dict[str, Any]) -> str:
    by = f" [dim]by {escape(branch['by'])}[/]" if branch["by"] else ""
    # Whoever adds up the tree would else count them twice.
    rows = "counted above" if branch["counted_before"] else count(branch["rows"], "row")
    return f"{escape(branch['table'])}  {rows}{by}"


def fact(console: Console, label: str, value: str, *, accent: str = "") -> None:
    """Print one fact of a plan behind its label."""
    indent = len("  rows in the table  ")
    paragraph(console, value, label=f"  {label}", indent=indent, accent=accent)


def _facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    keeps = f"{plan['retention_days']:g} day{'' if plan['retention_days'] == 1 else 's'}"
    found = [("cutoff", f"{moment(plan['cutoff'])} UTC (keeps {keeps})")]
    if plan["rows"] is None:
        return found
    found += [
        ("rows in the table", number(plan["rows"])),
        ("eligible rows", number(plan["rows_eligible"])),
        ("oldest, newest", f"{moment(plan['oldest'])}, {moment(plan['newest'])}"),
        ("no timestamp", number(plan["null_timestamps"])),
        ("in the future", number(plan["future_timestamps"])),
    ]
    if not plan["rows_to_move"]:
        return [*found, ("would move", "nothing")]
    batches = count(plan["estimated_batches"], "batch", "batches")
    return [
        *found,
        (
            "would move",
            f"{count(plan['rows_to_move'], 'row')} in about {batches} of at most "
            f"{count(plan['batch_size'], 'row')}",
        ),
        ("would take", f"about {duration(plan['estimated_seconds'])} ({plan['estimate_basis']})"),
    ]


def show_statement(console: Console, place: int, statement: dict[str, Any]) -> None:
    """Print a statement of a plan with its lock."""
    waits = statement["lock_timeout_seconds"]
    bound = "" if waits is None else f"; waits {waits:g} s at most"
    paragraph(console, statement["purpose"], label=f"{place:>3}.", indent=5)
    lock = f"lock {statement['lock']}, blocks {statement['blocks']}{bound}"
    paragraph(console, lock, indent=5, style="dim")
    # Never wrapped by us: what is copied from here must run.
    lines = [statement["sql"]]
    if statement["params"]:
        lines.append(f"with {', '.join(statement['params'])}")
    for line in lines:
        console.print(f"     {escape(line)}", style="dim", highlight=False, soft_wrap=True)
