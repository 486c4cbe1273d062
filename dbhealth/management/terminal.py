"""Numbers, sizes and times as people read them, and tables that fit wherever they are shown."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

from django.template.defaultfilters import filesizeformat
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text


@dataclass
class Grid:
    """Rows of text under headings; the first column is the name of a row.

    Names stand left, everything else right, but for the columns in ``left``. Cells may have
    Rich's markup.
    """

    headings: tuple[str, ...]
    left: frozenset[str] = frozenset()
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, name: str, *cells: str) -> None:
        """Add a row; the name may hold any character."""
        self.rows.append((escape(name), *cells))

    def show(self, console: Console) -> None:
        """Print a table where it fits, and else one paragraph a row: nothing is ever cut."""
        table = Table(box=None, pad_edge=False)
        for place, heading in enumerate(self.headings):
            is_left = place == 0 or heading in self.left
            table.add_column(heading, no_wrap=True, justify="left" if is_left else "right")
        for row in self.rows:
            table.add_row(*row)
        unbound = console.options.update(width=10_000)
        if console.measure(table, options=unbound).maximum <= console.width:
            console.print(table)
            return
        for name, *cells in self.rows:
            pairs = zip(self.headings[1:], cells, strict=True)
            said = ", ".join(f"{heading} {cell}" for heading, cell in pairs)
            console.print(f"[bold]{name}[/]", soft_wrap=True, highlight=False)
            paragraph(console, Text.from_markup(said).plain, indent=2)


def paragraph(
    console: Console, text: str, *, indent: int, label: str = "", style: str = "", accent: str = ""
) -> None:
    """Print plain text that wraps under itself; ``label`` stands before its first line.

    ``indent`` counts the columns before the text, the label's included. ``style`` is that of the
    whole, ``accent`` that of the label. Words are never cut, so that names can be copied.
    """
    width = max(10, console.width - indent)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    first = Text(label.ljust(indent), style=accent) if accent else Text(label.ljust(indent))
    for place, line in enumerate(lines):
        before = first if place == 0 else Text(" " * indent)
        console.print(before + Text(line), style=style, soft_wrap=True, highlight=False)


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun, in the plural where it is one ("1 row", "2,000 rows")."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def number(value: int | float | None) -> str:
    """Return a number with separators, "-" for none."""
    return "-" if value is None else f"{value:,.0f}"


def size(value: int | None) -> str:
    """Return bytes as people read them, "-" for none."""
    return "-" if value is None else str(filesizeformat(value)).replace("\xa0", " ")


def moment(value: str | None) -> str:
    """Return an ISO time without fractions of a second and without its zone, "-" for none."""
    if not value:
        return "-"
    day, separator, clock = value.replace("T", " ").partition(" ")
    return f"{day}{separator}{clock[:8]}"


def day(value: str | None) -> str:
    """Return the day of an ISO time, "-" for none."""
    return moment(value).partition(" ")[0]


def duration(seconds: float | None) -> str:
    """Return seconds as people read them, "-" for none."""
    if seconds is None:
        return "-"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
