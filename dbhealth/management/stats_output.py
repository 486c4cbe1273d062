"""How ``db_stats`` shows its figures to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from dbhealth.management.archive_output import NOTHING_DECLARED
from dbhealth.management.condition_output import show_conditions
from dbhealth.management.parts import remark
from dbhealth.management.terminal import Grid, count, day, moment, number, size


def show_stats(console: Console, stats: dict[str, Any]) -> None:
    """Show the databases, then the tables with a policy."""
    for database in stats["databases"].values():
        _database(console, database)
    _archives(console, stats["archives"])


def _database(console: Console, database: dict[str, Any]) -> None:
    title = f"{escape(database['alias'])} ({database['engine']})"
    growth = _sentence(database["growth"])
    console.print(f"[bold]{title}[/] {size(database['bytes'])}{growth}", highlight=False)
    found = database["largest"]
    counted = any(entry["estimated_rows"] is not None for entry in found)
    more = ("rows (estimate)",) if counted else ()
    grows = _grows(found)
    grid = Grid(("largest tables", "total", "table", "indexes", *more, *grows))
    for entry in found:
        mark = "" if entry["exact"] else "~"
        sizes = (entry["total_bytes"], entry["table_bytes"], entry["index_bytes"])
        rows = (number(entry["estimated_rows"]),) if counted else ()
        cells = (f"{mark}{size(value)}" for value in sizes)
        grid.add(entry["name"], *cells, *rows, *(_growth(entry) if grows else ()))
    if grid.rows:
        grid.show(console)
    else:
        console.print("No tables.", highlight=False)
    if not all(entry["exact"] for entry in found):
        console.print(
            "~ as of the last VACUUM or ANALYZE: another session has locked the table.", style="dim"
        )
    console.print()
    _indexes(console, database["indexes"])
    show_conditions(console, database)


def _indexes(console: Console, indexes: list[dict[str, Any]]) -> None:
    grows = _grows(indexes)
    grid = Grid(("largest indexes", "table", "size", *grows), left=frozenset({"table"}))
    for entry in indexes:
        cells = _growth(entry) if grows else ()
        grid.add(entry["index"], escape(entry["table"]), size(entry["bytes"]), *cells)
    if grid.rows:
        grid.show(console)
        console.print()


def _grows(entries: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the headings of growth, none where there is no snapshot."""
    known = any(entry["growth"] for entry in entries)
    return ("grown", "in 30 days", "in 90 days") if known else ()


def _growth(entry: dict[str, Any]) -> tuple[str, ...]:
    found = entry["growth"]
    if not found:
        return ("-", "-", "-")
    ahead = (size(found[name]) for name in ("in_30_days", "in_90_days"))
    return (_more(found["bytes"]), *ahead)


def _more(grown: int) -> str:
    """Return bytes with their sign."""
    return f"{'-' if grown < 0 else '+'}{size(abs(grown))}" if grown else size(0)


def _sentence(growth: dict[str, Any] | None) -> str:
    """Say how the database grows, empty where there is no snapshot."""
    if not growth:
        return ""
    since = f", {_more(growth['bytes'])} since {day(growth['since'])}"
    if growth["in_30_days"] is None:
        return since
    ahead = size(growth["in_30_days"]), size(growth["in_90_days"])
    return f"{since}; at this pace {ahead[0]} in 30 days and {ahead[1]} in 90"


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
