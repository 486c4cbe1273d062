"""How ``db_stats`` shows its figures to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from dbhealth.management.archive_output import NOTHING_DECLARED
from dbhealth.management.parts import remark
from dbhealth.management.terminal import Grid, count, day, moment, number, size


def show_stats(console: Console, stats: dict[str, Any]) -> None:
    """Show the databases, then the tables with a policy."""
    for database in stats["databases"].values():
        _database(console, database)
    _archives(console, stats["archives"])


def _database(console: Console, database: dict[str, Any]) -> None:
    title = f"{escape(database['alias'])} ({database['engine']})"
    console.print(f"[bold]{title}[/] {size(database['bytes'])}", highlight=False)
    found = database["largest"]
    counted = any(entry["estimated_rows"] is not None for entry in found)
    more = ("rows (estimate)",) if counted else ()
    grid = Grid(("largest tables", "total", "table", "indexes", *more))
    for entry in found:
        mark = "" if entry["exact"] else "~"
        sizes = (entry["total_bytes"], entry["table_bytes"], entry["index_bytes"])
        rows = (number(entry["estimated_rows"]),) if counted else ()
        grid.add(entry["name"], *(f"{mark}{size(value)}" for value in sizes), *rows)
    if grid.rows:
        grid.show(console)
    else:
        console.print("No tables.", highlight=False)
    if not all(entry["exact"] for entry in found):
        console.print(
            "~ as of the last VACUUM or ANALYZE: another session has locked the table.", style="dim"
        )
    console.print()


def _archives(console: Console, archives: dict[str, Any]) -> None:
    if not archives["tables"]:
        console.print(NOTHING_DECLARED, highlight=False)
        return
    purges = any(e["purgeable_records"] is not None for e in archives["tables"].values())
    grid = Grid(
        (
            *("table", "keeps", "rows", "size", "in archive", "archive size", "archivable"),
            *(["purgeable"] if purges else []),
            *("oldest row", "last run"),
        ),
        left=frozenset({"oldest row"}),
    )
    for name, entry in archives["tables"].items():
        run = entry["last_run"]
        grid.add(
            name,
            _keeps(entry),
            number(entry["rows"]),
            size(entry["bytes"]),
            number(entry["archive_rows"]),
            size(entry["archive_bytes"]),
            number(entry["archivable_records"]),
            *([number(entry["purgeable_records"])] if purges else []),
            day(entry["oldest"]),
            f"{moment(run['created_at'])[:16]} {run['state']}" if run else _no_run(entry),
        )
    grid.show(console)
    for name, entry in archives["tables"].items():
        if entry["error"]:
            remark(console, name, entry["error"].splitlines())
    total = archives["total_archivable_records"]
    console.print(f"\n{count(total, 'row')} may be archived now.", highlight=False)
    if purges:
        rows = count(archives["total_purgeable_records"], "archived row")
        console.print(f"{rows} may be purged now.", highlight=False)


def _keeps(entry: dict[str, Any]) -> str:
    """Say how long a table keeps its rows, or with whose rows they leave."""
    if entry["retention_days"] is not None:
        return f"{entry['retention_days']:g} d"
    return f"with {', '.join(entry['parents'])}" if entry["parents"] else "-"


def _no_run(entry: dict[str, Any]) -> str:
    """Say that there was no run; what leaves with its parents only has none of its own."""
    return "-" if entry["parents"] and entry["retention_days"] is None else "never"
