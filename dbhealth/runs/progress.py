"""How far a run is: cheap to tell, and never more than 100 %."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Whoever wants to hear how far a run is. Called between batches, in its process."""

    def start(self, title: str, expected: int | None, unit: str = "rows") -> None:
        """A table or a phase begins; so many rows or other units may come, None: nobody knows."""

    def advance(self, rows: int) -> None:
        """A batch of ``rows`` rows is committed."""

    def note(self, text: str) -> None:
        """Something happened that a person may want to know, e.g. a wait for a lock."""

    def finish(self) -> None:
        """The table is done, whatever came of it."""


class Silent:
    """A listener that does nothing."""

    def start(self, title: str, expected: int | None, unit: str = "rows") -> None:
        """Do nothing."""

    def advance(self, rows: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


@dataclass
class Pace:
    """Rows and the seconds they took, in this process."""

    rows: int = 0
    batches: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, rows: int) -> None:
        """Count one batch."""
        self.rows += rows
        self.batches += 1

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    @property
    def per_second(self) -> float | None:
        """Rows per second, None before the first row."""
        seconds = self.seconds
        return self.rows / seconds if self.rows and seconds > 0 else None
