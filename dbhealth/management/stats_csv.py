"""``db_stats --format csv``: a line for each database, table and index."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

_GROWTH = ("since", "then", "per_day", "in_30_days", "in_90_days")
_COLUMNS = (
    *("database", "kind", "table", "index", "bytes", "rows", "dead_rows", "wasted_bytes"),
    *_GROWTH,
    "archivable_rows",
)


def lines(stats: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of what ``database_stats`` returned; empty cells are unknown."""
    archives = {
        (entry["database"], entry["table"]): entry["archivable_records"]
        for entry in stats["archives"]["tables"].values()
    }
    yield _line(dict(zip(_COLUMNS, _COLUMNS, strict=True)))
    for alias, database in stats["databases"].items():
        yield _line(
            {"database": alias, "kind": "database", "bytes": database["bytes"]},
            database["growth"],
        )
        for table in database["tables"]:
            known = {name: table[name] for name in ("kind", "table", "rows", "dead_rows")}
            wasted = table["bloat"] and table["bloat"]["wasted_bytes"]
            archivable = archives.get((alias, table["table"]))
            own = {"database": alias, "bytes": table["total_bytes"], "wasted_bytes": wasted}
            yield _line({**known, **own, "archivable_rows": archivable}, table["growth"])
        for index in database["indexes"]:
            known = {name: index[name] for name in ("table", "index", "bytes")}
            yield _line({"database": alias, "kind": "index", **known}, index["growth"])


def _line(cells: dict[str, Any], growth: dict[str, Any] | None = None) -> str:
    grown = {name: growth[name] for name in _GROWTH} if growth else {}
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, restval="", lineterminator="\n")
    writer.writerow({name: "" if cell is None else cell for name, cell in (cells | grown).items()})
    return out.getvalue()
