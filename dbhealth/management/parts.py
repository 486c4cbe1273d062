"""Parts of what the commands show: a grid of tables, a remark, a fact, a statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment, Segments
from rich.tree import Tree

from dbhealth.exceptions import Refusal
from dbhealth.management.terminal import Grid, duration, number, paragraph

Column = tuple[str, Callable[[Any], str]]
"""A heading, and what stands under it for one entry of a result; cells may have Rich's markup."""

_STYLES = {"succeeded": "green", "planned": "cyan", "interrupted": "yellow", "paused": "yellow"}


def state_cell(entry: Mapping[str, Any]) -> str:
    """Return the state in its colour."""
    style = _STYLES.get(entry["state"], "red")
    resumed = ", resumed" if entry["resumed"] else ""
    return f"[{style}]{entry['state']}[/]{resumed}"


STATE: Column = ("state", state_cell)
ROWS: Column = ("rows", lambda entry: number(entry["rows"]))
PACE: tuple[Column, ...] = (
    ("batches", lambda entry: number(entry["batches"])),
    ("rows/s", lambda entry: number(entry["rows_per_second"])),
    ("time", lambda entry: duration(entry["seconds"])),
    ("run", lambda entry: str(entry["run"] or "-")),
)


def show_grid(
    console: Console, noun: str, columns: tuple[Column, ...], entries: Mapping[str, Any]
) -> None:
    """Show entries by their names, one a line; ``noun`` says what they are. Nothing for none."""
    grid = Grid((noun, *(heading for heading, _ in columns)), left=frozenset({"state"}))
    for name, entry in entries.items():
        grid.add(name, *(cell(entry) for _, cell in columns))
    if grid.rows:
        grid.show(console)


def remark(console: Console, name: str, texts: list[str]) -> None:
    """Print what is to be said of one table."""
    title(console, name)
    for text in texts:
        for line in text.splitlines():
            paragraph(console, line, indent=2)


def title(console: Console, name: str) -> None:
    """Print the name of a table on a line of its own."""
    console.print(f"[bold]{escape(name)}[/]", soft_wrap=True, highlight=False)


def show_tree(console: Console, heading: str, tree: Tree) -> None:
    """Print a tree under a heading, both indented as the facts of a plan are."""
    console.print(f"  {heading}", highlight=False)
    # Line by line: a Padding would fill each of them up with spaces.
    narrow = console.options.update(width=max(20, console.width - 4), highlight=False)
    for line in console.render_lines(tree, narrow, pad=False):
        console.print(Segments([Segment("    "), *line, Segment.line()]), soft_wrap=True)


def refusal_text(refusal: dict[str, str]) -> str:
    """Return a refusal as one paragraph."""
    return str(Refusal(**refusal))


def failed_text(entry: Mapping[str, Any]) -> str:
    """Return the error of an entry, and where its traceback is."""
    log = f" The run log has the traceback of run {entry['run']}." if entry["run"] else ""
    return f"{entry['error'].rstrip()}{log}"


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
