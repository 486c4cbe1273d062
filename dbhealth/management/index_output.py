"""How ``index_usage`` shows indexes to people.

A table of Rich measures every cell of every row before it prints the first; ten thousand indexes
are written as plain lines instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from dbhealth.backends.index_records import TableUse
from dbhealth.indexes.usage import Usage
from dbhealth.indexes.verdicts import IndexUsage
from dbhealth.management.index_columns import Columns
from dbhealth.management.index_selection import Chosen
from dbhealth.management.terminal import count, number, paragraph, size

_LINES = 1_000
"""So many lines are written at once."""


def show_usages(console: Console, usages: Sequence[Usage], chosen: Chosen) -> None:
    """Show the indexes of each database by table, the missing ones, and what it comes to."""
    for usage in usages:
        _Page(console, usage, list(chosen.of(usage))).show(with_missing=chosen.everything)


class _Page:
    """What is said of one database. Reasons that many verdicts share are said once, at the end."""

    def __init__(self, console: Console, usage: Usage, items: list[IndexUsage]) -> None:
        self._console, self._usage, self._items = console, usage, items
        self._width = console.width  # Rich asks the terminal each time
        self._columns = Columns(items, self._width)
        self._lines: list[str] = []
        self._notes: dict[tuple[str, ...], int] = {}

    def show(self, *, with_missing: bool) -> None:
        self._head()
        for table, items in groupby(self._items, key=lambda item: item.subject.index.table):
            self._table(self._usage.tables.get(table), table, items)
        self._flush()
        if with_missing:
            self._missing()
        for reasons, place in self._notes.items():
            self._say(" ".join(reasons), label=f"[{place}]", indent=5)
        self._sum(with_missing=with_missing)

    def _head(self) -> None:
        source = self._usage.source
        since = f", since {source.since:%Y-%m-%d %H:%M}" if source.since else ""
        self._console.print(
            f"[bold]{escape(self._usage.alias)}[/] ({self._usage.engine})", highlight=False
        )
        self._say(f"Figures: {source.name}{since}.")
        for note in self._usage.notes:
            self._say(note)
        if self._items and all(item.subject.use.scans is None for item in self._items):
            self._say(
                "Nothing counts scans here: this engine does not, and no statements have been "
                "recorded (RECORD_INDEX_USE)."
            )
        if self._items:
            self._console.out(f"\n{self._columns.heading()}", highlight=False)

    def _table(self, figures: TableUse | None, name: str, items: Iterable[IndexUsage]) -> None:
        facts = []
        if figures is not None:
            facts = [
                f"{number(figures.rows)} rows" if figures.rows is not None else "",
                size(figures.bytes) if figures.bytes is not None else "",
                f"read whole {count(figures.sequential_scans, 'time')}"
                if figures.sequential_scans is not None
                else "",
            ]
        said = ", ".join(filter(None, facts))
        lines = [f"{name}: {said}" if said else name]
        for item in items:
            lines += self._columns.lines(item)
            lines += self._verdicts(item)
        self._lines += [*lines, ""]
        if len(self._lines) > _LINES:
            self._flush()

    def _flush(self) -> None:
        """Write the lines that are ready, past Rich: it would take each of them apart."""
        text = "".join(f"{line}\n" for line in self._lines)
        self._lines = []
        try:
            self._console.file.write(text)
        except BrokenPipeError:
            self._console.on_broken_pipe()  # as Rich itself does

    def _verdicts(self, item: IndexUsage) -> list[str]:
        lines = []
        if item.stays and item.subject.use.scans == 0:
            lines += self._wrapped(f"stays: {item.stays}", 4)
        for verdict in item.verdicts:
            mark = self._note(verdict.reasons)
            head = f"{verdict.code} (confidence {verdict.confidence} {mark}): {verdict.why}"
            lines += self._wrapped(head, 4)
            lines += self._wrapped(f"-> {verdict.change}", 6)
            if verdict.sql:
                lines.append(f"      {verdict.sql}")  # never wrapped: it is there to be copied
        return lines

    def _missing(self) -> None:
        if not self._usage.missing:
            return
        self._console.print("[bold]missing[/]", highlight=False)
        for item in self._usage.missing:
            columns = f" ({', '.join(item.columns)})" if item.columns else ""
            mark = self._note(item.reasons)
            lines = [f"  {item.table}{columns}"]
            head = f"{item.code} (confidence {item.confidence} {mark}): {item.why}"
            lines += self._wrapped(head, 4)
            lines += self._wrapped(f"-> {item.change}", 6)
            self._console.out("\n".join(lines), highlight=False)

    def _note(self, reasons: tuple[str, ...]) -> str:
        return f"[{self._notes.setdefault(reasons, len(self._notes) + 1)}]"

    def _wrapped(self, text: str, indent: int) -> list[str]:
        """Break text between words; textwrap is thorough, and slow for twenty thousand texts."""
        room, lead = max(20, self._width - indent), " " * indent
        lines = []
        while len(text) > room:
            cut = text.rfind(" ", 0, room + 1)
            if cut <= 0 and (cut := text.find(" ", room)) < 0:
                break
            lines.append(lead + text[:cut])
            text = text[cut + 1 :]
        return [*lines, lead + text]

    def _say(self, text: str, *, label: str = "", indent: int = 0) -> None:
        paragraph(self._console, text, label=label, indent=indent)

    def _sum(self, *, with_missing: bool) -> None:
        codes = Counter(verdict.code for item in self._items for verdict in item.verdicts)
        taken = sum(item.subject.use.bytes or 0 for item in self._items)
        said = [f"{number} {code}" for code, number in codes.most_common()]
        indexes = count(len(self._items), "index", "indexes")
        verdicts = ", ".join(said) or "no verdicts"
        missed = f"; {len(self._usage.missing)} missing" if with_missing else ""
        self._console.print(
            f"\n{indexes}, {size(taken)}: {verdicts}{missed}.", highlight=False, soft_wrap=True
        )
        self._console.print()
