"""How ``archive --verify`` shows what it found to people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from dbhealth.archive.verify import VERIFIED, Verification
from dbhealth.management.terminal import Grid, count, number, paragraph

_STYLES = {VERIFIED: "green", "differs": "red", "reduced": "yellow", "unprovable": "yellow"}


def show_verification(console: Console, found: Verification) -> None:
    """Show the tables of a run, one a line, and a sentence for each."""
    if not found["tables"]:
        text = found["error"] or f"Run {found['run']} has moved no rows."
        console.print(escape(text), highlight=False)
        return
    grid = Grid(("table", "archive", "state", "rows", "found"), frozenset({"archive", "state"}))
    for table, verdict in found["tables"].items():
        state = verdict["state"]
        grid.add(
            table,
            escape(verdict["archive_table"]),
            f"[{_STYLES[state]}]{state}[/]",
            number(verdict["rows"]),
            number(verdict["rows_found"]),
        )
    grid.show(console)
    for table, verdict in found["tables"].items():
        paragraph(console, f"{table}: {verdict['reason']}", indent=2)


def unverified(found: Verification) -> str:
    """Return the sentence where not everything is as it was moved, and nothing where it is."""
    if found["ok"]:
        return ""
    if found["error"]:
        return found["error"]
    names = [name for name, verdict in found["tables"].items() if verdict["state"] != VERIFIED]
    tables = count(len(found["tables"]), "table")
    return f"Run {found['run']}: {len(names)} of {tables} not verified: {', '.join(names)}."
