"""How ``db_stats`` shows people the condition of tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from dbhealth.management.terminal import Grid, day, number, size

_AGE = 10_000_000
"""Younger tables are nowhere near wraparound, and their ages are of no interest (transactions)."""


def show_conditions(console: Console, database: dict[str, Any]) -> None:
    """Show the tables of one database of which the most is known, the largest first."""
    if database["autovacuum"] is None:
        return
    if not database["autovacuum"]:
        console.print("autovacuum is off on this server.", style="yellow")
    names = [entry["name"] for entry in database["largest"]]
    tables = {table["table"]: table for table in database["tables"]}
    found = [tables[name] for name in names if name in tables]
    grid = Grid(
        ("condition", "dead rows", "vacuumed", "analyzed", "due", "wasted", "HOT", "in cache"),
        left=frozenset({"due"}),
    )
    for table in found:
        grid.add(
            table["table"],
            _dead(table),
            day(_last(table, "vacuum")),
            day(_last(table, "analyze")),
            _due(table),
            _wasted(table["bloat"]),
            _percent(table["hot_share"]),
            _percent(table["hit_share"]),
        )
    if grid.rows:
        grid.show(console)
        console.print()


def _dead(table: dict[str, Any]) -> str:
    if not table["dead_rows"]:
        return number(table["dead_rows"])
    return f"{number(table['dead_rows'])} ({_percent(table['dead_share'])})"


def _last(table: dict[str, Any], work: str) -> str | None:
    times = (table[f"last_{work}"], table[f"last_auto{work}"])
    return max((time for time in times if time), default=None)


def _due(table: dict[str, Any]) -> str:
    """Say why autovacuum would come, that it never will, or nothing."""
    known = table["autovacuum"]
    if known is None:
        return "-"
    words = [*known["due"]] if known["enabled"] else ["off", *known["due"]]
    if (table["age"] or 0) >= _AGE:
        words.append(f"age {number(table['age'])}")
    return ", ".join(words) or "no"


def _wasted(bloat: dict[str, Any] | None) -> str:
    if bloat is None:
        return "-"
    share = bloat["wasted_bytes"] / bloat["bytes"] if bloat["bytes"] else 0
    return f"{'' if bloat['exact'] else '~'}{size(bloat['wasted_bytes'])} ({_percent(share)})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
