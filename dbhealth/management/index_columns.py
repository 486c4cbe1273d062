"""The figures of indexes in columns, made by hand: quick for ten thousand of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from dbhealth.indexes.removal import field_of
from dbhealth.indexes.verdict_records import Subject
from dbhealth.indexes.verdicts import IndexUsage
from dbhealth.management.terminal import size

_NAME = 40
"""A longer name stands on a line of its own."""


@lru_cache(maxsize=1_000)
def _bytes(value: int) -> str:
    """Return bytes as people read them; thousands of small indexes share a few sizes."""
    return size(value)


def _size(subject: Subject) -> str:
    use = subject.use
    return "" if use.bytes is None else f"{'' if use.exact_bytes else '~'}{_bytes(use.bytes)}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _last(subject: Subject) -> str:
    last = subject.use.last_scan
    # strftime takes more than twice as long, and this is asked for every index.
    return "" if last is None else last.isoformat(" ", "minutes")[:16]


_COLUMNS: tuple[tuple[str, Callable[[Subject], str]], ...] = (
    ("size", _size),
    ("scans", lambda subject: _number(subject.use.scans)),
    ("share", lambda subject: _percent(subject.share)),
    ("rows read", lambda subject: _number(subject.use.rows_read)),
    ("fetched", lambda subject: _number(subject.use.rows_fetched)),
    ("cache", lambda subject: _percent(subject.hit_ratio)),
    ("last scan", _last),
)


class Columns:
    """Widths for a list of indexes; a column that no index has a value for is left away."""

    def __init__(self, items: Sequence[IndexUsage], width: int) -> None:
        """Take the widths from all items, so that tables stand under each other."""
        self._cells: dict[tuple[str, str], list[str]] = {}
        rows = [[cell(item.subject) for _, cell in _COLUMNS] for item in items]
        widths = [max((len(row[place]) for row in rows), default=0) for place in range(7)]
        self._shown = [place for place, wide in enumerate(widths) if wide]
        self._widths = {place: max(widths[place], len(_COLUMNS[place][0])) for place in self._shown}
        for item, row in zip(items, rows, strict=True):
            index = item.subject.index
            self._cells[index.table, index.name] = row
        names = max((len(item.subject.index.name) for item in items), default=0)
        self._name = min(_NAME, names)
        figures = sum(wide + 2 for wide in self._widths.values())
        self._beside = 2 + self._name + figures <= width

    def heading(self) -> str:
        """Return the names of the columns."""
        name = " " * (2 + self._name if self._beside else 2)
        cells = (_COLUMNS[place][0].rjust(self._widths[place] + 2) for place in self._shown)
        return f"{name}{''.join(cells)}"

    def lines(self, item: IndexUsage) -> list[str]:
        """Return an index's name and figures, its definition and who declares it."""
        index = item.subject.index
        row = self._cells[index.table, index.name]
        cells = "".join(row[place].rjust(self._widths[place] + 2) for place in self._shown)
        if self._beside and len(index.name) <= self._name:
            lines = [f"  {index.name.ljust(self._name)}{cells}".rstrip()]
        else:
            lead = " " * (2 + self._name) if self._beside else "  "
            lines = [f"  {index.name}", f"{lead}{cells}".rstrip()]
        lines.append(f"    {index.definition}")
        lines.append(f"    {_declared(item.subject)}")
        return lines


def _declared(subject: Subject) -> str:
    owner = subject.owner
    if owner is None:
        return "declared by nobody"
    what = field_of(owner) if owner.field else owner.model
    place = f", {owner.place}" if owner.place else ""
    return f"{owner.kind} of {what}{place}"
