"""How ``archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dbhealth.archive.results import SUCCEEDED, ArchiveResult, TableResult
from dbhealth.management.terminal import duration, moment, number

_STYLES = {"succeeded": "green", "planned": "cyan", "interrupted": "yellow"}


def show_run(console: Console, result: ArchiveResult) -> None:
    """Show what was moved: a table, then what is to be said of single tables."""
    table = Table(box=None, pad_edge=False)
    for heading in ("table", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("rows", "batches", "rows/s", "time", "run"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("cutoff", no_wrap=True)
    for name, entry in result["tables"].items():
        table.add_row(
            escape(name),
            _state(entry),
            number(entry["rows"]),
            number(entry["batches"]),
            number(entry["rows_per_second"]),
            duration(entry["seconds"]),
            str(entry["run"] or "-"),
            moment(entry["cutoff"]),
        )
    console.print(table)
    for entry in result["tables"].values():
        _remarks(console, entry)
    _sum(console, result)


def _state(entry: TableResult) -> str:
    style = _STYLES.get(entry["state"], "red")
    resumed = ", resumed" if entry["resumed"] else ""
    return f"[{style}]{entry['state']}[/]{resumed}"


def _remarks(console: Console, entry: TableResult) -> None:
    texts = []
    if entry["stopped"]:
        texts.append(f"{entry['stopped']}; the next run goes on.")
    if entry["rows_left_locked"]:
        texts.append(
            f"{entry['rows_left_locked']:,} rows were locked by another session and stayed; the "
            "next run takes them."
        )
    if entry["refusals"]:
        texts += [_refusal(refusal) for refusal in entry["refusals"]]
    elif entry["error"]:
        texts.append(entry["error"])
    for text in texts:
        console.print(f"[bold]{escape(entry['table'])}[/]: {escape(text)}", highlight=False)


def _refusal(refusal: dict[str, str]) -> str:
    text = f"refused. {refusal['what']} {refusal['why']} {refusal['instead']}"
    override = refusal["override"]
    return f"{text} To go ahead all the same: {override}." if override else text


def _sum(console: Console, result: ArchiveResult) -> None:
    summary = result["summary"]
    moved = summary["total_records_archived"]
    console.print(f"\n{moved:,} rows archived in {duration(summary['seconds'])}.", highlight=False)
    if moved:
        console.print(
            "The space they leave is reused by new rows; the files do not shrink.", style="dim"
        )
    if failed := summary["tables_failed"]:
        console.print(f"{failed} of {summary['tables']} tables were not done.", style="red")


def show_plan(console: Console, result: ArchiveResult) -> None:
    """Show what a run would do, table by table."""
    for entry in result["tables"].values():
        _plan(console, entry)
    summary = result["summary"]
    console.print(
        f"Dry run: nothing was changed. {summary['total_records_eligible']:,} rows would be "
        f"archived from {summary['tables']} tables.",
        highlight=False,
    )
    if failed := summary["tables_failed"]:
        console.print(f"{failed} of {summary['tables']} tables would be refused.", style="red")


def _plan(console: Console, entry: TableResult) -> None:
    console.rule(f"{escape(entry['table'])} → {escape(entry['archive_table'])}", align="left")
    if entry["state"] not in SUCCEEDED and entry["plan"] is None:
        console.print(escape(entry["error"]), highlight=False)
        return
    plan = entry["plan"] or {}
    grid = Table.grid(padding=(0, 2))
    for label, value in _facts(plan):
        grid.add_row(label, escape(value))
    console.print(grid)
    for note in plan["notes"]:
        console.print(f"Note: {escape(note)}", highlight=False)
    for refusal in plan["refusals"]:
        console.print(f"[red]In the way:[/] {escape(_refusal(refusal))}", highlight=False)
    for statement in plan["statements"]:
        _statement(console, statement)
    console.print()


def _facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("cutoff", f"{moment(plan['cutoff'])} UTC (keeps {plan['retention_days']:g} days)"),
        ("rows in the table", number(plan["rows"])),
        ("eligible rows", number(plan["rows_eligible"])),
        ("oldest, newest", f"{moment(plan['oldest'])}, {moment(plan['newest'])}"),
        ("no timestamp", number(plan["null_timestamps"])),
        ("in the future", number(plan["future_timestamps"])),
        (
            "would move",
            f"{number(plan['rows_to_move'])} rows; batches of at most {plan['batch_size']:,}, "
            f"about {plan['estimated_batches']:,}",
        ),
        ("would take", f"{duration(plan['estimated_seconds'])} ({plan['estimate_basis']})"),
    ]


def _statement(console: Console, statement: dict[str, Any]) -> None:
    waits = statement["lock_timeout_seconds"]
    bound = "" if waits is None else f", waits {waits:g} s at most"
    console.print(f"  {escape(statement['purpose'])}", style="bold", highlight=False)
    console.print(
        f"  lock: {statement['lock']} (blocks {statement['blocks']}){bound}",
        style="dim",
        highlight=False,
    )
    console.print(f"    {escape(statement['sql'])}", highlight=False, soft_wrap=True)
    if statement["params"]:
        params = ", ".join(statement["params"])
        console.print(f"    with {escape(params)}", style="dim", highlight=False, soft_wrap=True)
