"""What the statements of index_use.py find, as records; partitions are added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dbhealth.backends.index_records import IndexUse, TableUse
from dbhealth.backends.postgresql.session import moment

Row = tuple[Any, ...]


class Names:
    """The names and estimated rows of all tables, and those that somebody holds."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Take the rows of the tables."""
        self.by_oid: dict[int, str] = {}
        self.by_schema: dict[tuple[str, str], str] = {}
        self.rows: dict[str, int] = {}
        self.held: set[str] = set()
        for oid, _parent, schema, relation, is_visible, is_held, estimate, *_ in rows:
            name = relation if is_visible else f'{schema}"."{relation}'
            self.by_oid[oid] = self.by_schema[schema, relation] = name
            self.rows[name] = estimate or 0
            if is_held:
                self.held.add(name)


def index_uses(rows: Sequence[Row], names: Names) -> dict[int, list[IndexUse]]:
    """Return the indexes by the oid of their table."""
    found: dict[int, list[IndexUse]] = {}
    sums = _sums(rows, {row[0]: row[1] for row in rows}, first=5)
    for oid, _parent, table, name, is_held, *own in rows:
        # A table that came between the two looks.
        if table not in names.by_oid:
            continue
        if is_held:
            names.held.add(names.by_oid[table])
        entries, size, pages, scans, read, fetched, outside, hit, last = sums.get(oid, own)
        use = IndexUse(
            table=names.by_oid[table],
            name=name,
            oid=oid,
            scans=scans,
            rows_read=read,
            rows_fetched=fetched,
            last_scan=_moment(last),
            blocks_read=outside,
            blocks_hit=hit,
            bytes=pages if size is None else size,
            exact_bytes=size is not None,
            entries=entries,
        )
        found.setdefault(table, []).append(use)
    return found


def table_uses(
    rows: Sequence[Row], names: Names, indexes: Mapping[int, Sequence[IndexUse]]
) -> tuple[TableUse, ...]:
    """Return the tables; scans by index are those of their indexes."""
    sums = _sums(rows, {row[0]: row[1] for row in rows}, first=6)
    found = []
    for oid, _parent, _schema, _relation, _visible, _held, *own in rows:
        estimate, size, scans, read, fetched, ins, upd, dels, hot, last = sums.get(oid, own)
        index_scans, index_rows = 0, fetched
        for use in indexes.get(oid, ()):
            index_scans += use.scans or 0
            # What bitmap scans fetch is counted by the table, not by the index.
            index_rows += use.rows_fetched or 0
        found.append(
            TableUse(
                table=names.by_oid[oid],
                rows=estimate,
                bytes=size,
                sequential_scans=scans,
                sequential_rows=read,
                index_scans=index_scans,
                index_rows=index_rows,
                inserts=ins,
                updates=upd,
                deletes=dels,
                hot_updates=hot,
                last_sequential_scan=_moment(last),
            )
        )
    return tuple(found)


def _sums(rows: Iterable[Row], parents: Mapping[int, int | None], *, first: int) -> dict[int, Row]:
    """Return of every parent the sums of what stands below it, from place ``first`` on.

    The second figure, a measured size, is unknown for the whole when it is for a part; the last
    one is a moment, of which the latest counts.
    """
    sums: dict[int, list[Any]] = {}
    has_parts = {parent for parent in parents.values() if parent is not None}
    for row in rows:
        above = None if row[0] in has_parts else parents[row[0]]
        while above is not None:
            known = sums.get(above)
            sums[above] = list(row[first:]) if known is None else _added(known, row[first:])
            above = parents.get(above)
    return {oid: tuple(figures) for oid, figures in sums.items()}


def _added(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """Return the sums of two parts' figures."""
    added = [a if b is None else b if a is None else a + b for a, b in zip(one, other, strict=True)]
    if one[1] is None or other[1] is None:
        added[1] = None
    added[-1] = max((last for last in (one[-1], other[-1]) if last is not None), default=None)
    return added


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment(microseconds)
