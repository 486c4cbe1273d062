"""Keeps the book of all rows that were ever written, and compares it with the two tables."""

from django.db import connection
from django.db.models import Count

from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import Event, EventArchive
from tests.moveapp.tools import add_events, ago, keep_one, other_sessions, wait_until

KEPT = 10**9
"""The key of a row that is too young to leave, ever."""


class Book:
    """Rows with the keys 1, 2, 3 … and one that stays; nothing but archiving touches them."""

    table = "move_event"
    begins = 'INTO "move_event_archive"'

    def __init__(self) -> None:
        self.written = 0
        keep_one(KEPT)

    def refill(self, rows: int) -> None:
        """Insert rows that may leave, until the source has at least so many."""
        missing = rows - (Event.everything.count() - 1)
        if missing > 0:
            add_events(range(self.written + 1, self.written + missing + 1), created_at=ago(days=40))
            self.written += missing

    def check(self) -> None:
        """Every row is in exactly one table, whole; each run counts what it moved."""
        if connection.vendor == "postgresql":
            # The server may still be at the last statement of a client that is dead.
            wait_until(lambda: not other_sessions(), "the sessions of the dead end")
        left = dict(Event.everything.exclude(pk=KEPT).values_list("pk", "payload"))
        gone = dict(EventArchive.objects.values_list("pk", "payload"))
        both, whole = left.keys() & gone.keys(), left | gone
        assert not both, f"in both tables: {sorted(both)[:10]}"
        lost = set(range(1, self.written + 1)) - whole.keys()
        assert not lost, f"in neither table: {sorted(lost)[:10]}"
        assert len(whole) == self.written, "rows that nobody wrote"
        assert all(payload == f"event {key}" for key, payload in whole.items())
        assert Event.everything.filter(pk=KEPT).exists()
        moved = dict(
            EventArchive.objects.values_list("archive_run").annotate(rows=Count("pk")).order_by()
        )
        for run in MaintenanceRun.objects.order_by("pk"):
            assert run.rows_done == moved.pop(run.pk, 0), f"run {run.pk} counts wrongly"
        assert not moved, "archived by a run that is not on record"

    def progress(self) -> tuple[int, int]:
        """Return the rows moved so far and the number of runs."""
        return EventArchive.objects.count(), MaintenanceRun.objects.count()

    @property
    def is_done(self) -> bool:
        """Whether everything that may leave has left."""
        return EventArchive.objects.count() == self.written
