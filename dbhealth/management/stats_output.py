"""How ``db_stats`` shows its figures to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dbhealth.management.terminal import moment, number, size


def show_stats(console: Console, stats: dict[str, Any]) -> None:
    """Show the databases, then the tables with a policy."""
    for database in stats["databases"].values():
        _database(console, database)
    _archives(console, stats["archives"])


def _database(console: Console, database: dict[str, Any]) -> None:
    title = f"{escape(database['alias'])} ({database['engine']})"
    console.print(f"[bold]{title}[/] {size(database['bytes'])}", highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("largest tables", no_wrap=True)
    for heading in ("total", "table", "indexes", "rows (estimate)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in database["largest"]:
        mark = "" if entry["exact"] else " ~"
        table.add_row(
            escape(entry["name"]),
            size(entry["total_bytes"]) + mark,
            size(entry["table_bytes"]) + mark,
            size(entry["index_bytes"]) + mark,
            number(entry["estimated_rows"]),
        )
    console.print(table)
    console.print()


def _archives(console: Console, archives: dict[str, Any]) -> None:
    if not archives["tables"]:
        console.print("No table has an archive policy yet.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("table", no_wrap=True)
    for heading in ("keeps", "rows", "size", "archived", "size", "archivable"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("oldest row", "last run"):
        table.add_column(heading, no_wrap=True)
    for name, entry in archives["tables"].items():
        run = entry["last_run"]
        table.add_row(
            escape(name),
            f"{entry['retention_days']:g} d",
            number(entry["rows"]),
            size(entry["bytes"]),
            number(entry["archive_rows"]),
            size(entry["archive_bytes"]),
            number(entry["archivable_records"]),
            moment(entry["oldest"]),
            f"{moment(run['created_at'])} {run['state']}" if run else "never",
        )
    console.print(table)
    for name, entry in archives["tables"].items():
        if entry["error"]:
            console.print(f"[bold]{escape(name)}[/]: {escape(entry['error'])}", highlight=False)
    console.print(
        f"\n{archives['total_archivable_records']:,} rows may be archived now.", highlight=False
    )
