"""What commands show on a terminal: progress, sizes and times as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.template.defaultfilters import filesizeformat

from dbhealth.runs.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console


class Bar:
    """A progress bar on stderr, with rows per second and the time that is left."""

    def __init__(self, console: Console) -> None:
        """Keep the console; nothing is shown before the first table starts."""
        self._console = console
        self._live: Any = None
        self._task: Any = None

    def start(self, title: str, expected: int | None) -> None:
        """Show a bar for one table."""
        # Rich's progress is only loaded where somebody looks at it.
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._live = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._live.start()
        self._task = self._live.add_task(title, total=expected, pace="")

    def advance(self, rows: int) -> None:
        """Move the bar."""
        self._live.update(self._task, advance=rows)
        task = self._live.tasks[self._task]
        if task.speed:
            self._live.update(self._task, pace=f"{task.speed:,.0f} rows/s")

    def note(self, text: str) -> None:
        """Show a line above the bar."""
        self._live.console.print(text)

    def finish(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Lines:
    """Notes as lines on stderr, for logs of cron jobs."""

    def __init__(self, write: Any) -> None:
        """Keep what writes a line."""
        self._write = write

    def start(self, title: str, expected: int | None) -> None:
        """Do nothing: the table at the end tells it all."""

    def advance(self, rows: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Write the line."""
        self._write(text)

    def finish(self) -> None:
        """Do nothing."""


def progress_for(console: Console, write: Any, *, wanted: bool) -> Progress:
    """Return a bar where a person looks at stderr, and lines of notes elsewhere."""
    if wanted and console.is_terminal:
        return Bar(console)
    return Lines(write) if wanted else Silent()


def number(value: int | float | None) -> str:
    """Return a number with separators, "-" for none."""
    return "-" if value is None else f"{value:,.0f}"


def size(value: int | None) -> str:
    """Return bytes as people read them, "-" for none."""
    return "-" if value is None else str(filesizeformat(value)).replace("\xa0", " ")


def moment(value: str | None) -> str:
    """Return an ISO time without its fractions of a second, "-" for none."""
    return "-" if not value else value.replace("T", " ").split(".")[0].split("+")[0]


def duration(seconds: float | None) -> str:
    """Return seconds as people read them, "-" for none."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
