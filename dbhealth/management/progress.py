"""What commands tell on stderr while they are at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dbhealth.runs.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console


_FIGURES = 54


class Bar:
    """A progress bar, with rows per second and the time that is left."""

    def __init__(self, console: Console) -> None:
        """Keep the console; nothing is shown before the first table starts."""
        self._console = console
        self._live: Any = None
        self._task: Any = None
        self._unit = "rows"

    def start(self, title: str, expected: int | None, unit: str = "rows") -> None:
        """Show a bar for one table; none where there is nothing to do."""
        # Rich's progress is only loaded where somebody looks at it.
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        if expected == 0:
            return
        self._unit = unit
        # A long name gives way, not the figures, which may take so many columns.
        quarter = self._console.width // 4
        bar = min(40, max(6, quarter - 10))
        widest = max(12, quarter, self._console.width - bar - _FIGURES)
        name = Column(no_wrap=True, overflow="ellipsis", max_width=widest)
        self._live = Progress(
            TextColumn("{task.description}", table_column=name, markup=False),
            BarColumn(bar_width=bar),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]} ETA"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._live.start()
        self._task = self._live.add_task(title, total=expected, pace="")

    def advance(self, rows: int) -> None:
        """Move the bar."""
        if self._live is None:
            return
        self._live.update(self._task, advance=rows)
        task = self._live.tasks[self._task]
        if task.speed:
            self._live.update(self._task, pace=f"{task.speed:,.0f} {self._unit}/s")

    def note(self, text: str) -> None:
        """Show a line above the bar."""
        self._console.print(text, markup=False, highlight=False)

    def finish(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Lines:
    """Notes as lines, for the logs of cron jobs."""

    def __init__(self, write: Callable[[str], object]) -> None:
        """Keep what writes a line."""
        self._write = write
        self._title = ""

    def start(self, title: str, expected: int | None, unit: str = "rows") -> None:
        """Keep the name of the table, for its notes."""
        self._title = title

    def advance(self, rows: int) -> None:
        """Do nothing: the table at the end tells it all."""

    def note(self, text: str) -> None:
        """Write the line."""
        self._write(f"{self._title}: {text}")

    def finish(self) -> None:
        """Do nothing."""


def progress_for(console: Console, write: Callable[[str], object], *, wanted: bool) -> Progress:
    """Return a bar where a person looks at stderr, and lines of notes elsewhere."""
    if not wanted:
        return Silent()
    # Not console.is_terminal: FORCE_COLOR makes that true in a pipe as well.
    return Bar(console) if console.file.isatty() else Lines(write)
