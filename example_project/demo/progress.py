"""One line per table while the demo is loaded, with a bar where somebody can see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

from .world import Table


@contextmanager
def progress() -> Iterator[Callable[[Table, int], None]]:
    """Give a function that takes a table and how many more of its rows are in."""
    lines: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def advance(table: Table, rows: int) -> None:
            if table.name not in lines:
                lines[table.name] = bars.add_task(table.name, total=table.count)
            bars.advance(lines[table.name], rows)

        yield advance
