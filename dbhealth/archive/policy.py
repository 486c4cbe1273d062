"""ArchivePolicy: how long a table keeps its rows, declared next to its archive model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q

HOLD, MOVE = "hold", "move"
"""What a younger row below a leaving one does: hold it back, or leave with it."""


@dataclass(frozen=True, kw_only=True)
class ArchivePolicy:
    """Which rows of the source may leave it.

    A row is eligible when its ``timestamp_field`` lies more than ``retention`` before the
    database's clock, and it fulfils ``where`` (a Q on the source's own columns). Rows whose
    timestamp is NULL never age.

    ``batch_size`` bounds one transaction (rows; the default is DBHEALTH["ARCHIVE_BATCH_SIZE"]).
    ``purge_after`` is how long the archive keeps rows, from the moment at which they came; None
    keeps them for ever.
    ``allow_dangling`` names relations without a constraint in the database
    ("app.Model.field") whose rows may go on pointing at rows that have left.

    ``children`` are the archive models (classes, or "app.Model") of the rows that leave with the
    row they point at, in the same transaction, and so on below them. ``children_newer`` says what
    a row below that is younger than the cutoff, or that its own policy's ``where`` would keep,
    does to the row above: "hold" keeps it in the table, "move" takes both; with "move" only a
    ``where`` holds. A policy without ``retention`` is for rows that leave with their parents only.

    Nothing is checked here, so that a mistake is reported by ``manage.py check`` with a hint
    and not by a traceback while Django starts.
    """

    timestamp_field: str
    retention: timedelta | None = None
    where: Q | None = None
    batch_size: int | None = None
    purge_after: timedelta | None = None
    allow_dangling: tuple[str, ...] = ()
    children: tuple[Any, ...] | list[Any] = ()
    children_newer: str = HOLD


def reaches_a_time(retention: timedelta) -> bool:
    """Return whether a retention counted back from now ends at a time that a datetime can hold."""
    try:
        datetime.now(tz=UTC) - retention
    except OverflowError:
        return False
    return True
