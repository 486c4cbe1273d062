"""The move: batch after batch, each one transaction of rows, cursor, counters and run log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connections, transaction

from dbhealth.archive.columns import concrete_field
from dbhealth.archive.plan import ArchivePlan, batch_limits, survey_limits
from dbhealth.archive.selection import driver_moment
from dbhealth.archive.sizing import BatchSizer
from dbhealth.archive.walk import Walk
from dbhealth.backends import Backend
from dbhealth.backends.records import Moved
from dbhealth.backends.selection import Key, KeyRange, Transfer, Way
from dbhealth.backends.trouble import Trouble
from dbhealth.conf import get_settings
from dbhealth.exceptions import ConstraintViolated, CountMismatch, KeyTaken, SchemaChanged
from dbhealth.runs.log import pause
from dbhealth.runs.progress import Pace, Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.states import State
from dbhealth.runs.stopping import StopRequest

_CONTENDED_BATCHES = 10
"""So many batches look again at every row after one whose rows somebody was changing."""


@dataclass(kw_only=True)
class Bounds:
    """When to stop before the end: after ``rows`` rows, or at ``deadline`` (time.monotonic)."""

    rows: int | None = None
    deadline: float | None = None

    def left(self, done: int) -> int | None:
        """Return how many rows may still go, None without a bound."""
        return None if self.rows is None else max(0, self.rows - done)


class Mover:
    """Works through one plan under one claimed run."""

    def __init__(
        self,
        plan: ArchivePlan,
        hold: Hold,
        *,
        bounds: Bounds,
        progress: Progress,
        stop: StopRequest,
    ) -> None:
        """Take everything; nothing is written yet."""
        if plan.selection is None:
            raise ValueError("A plan that could not look at its table cannot be executed.")
        self.plan, self.hold = plan, hold
        self.backend: Backend = hold.backend
        self.selection = plan.selection
        self.bounds, self.progress, self.stop = bounds, progress, stop
        self.walk = Walk(self.backend, plan, hold.run.cursor)
        self.pace = Pace()
        self.state = State.RUNNING
        self._contended = 0
        self._shape: str | None = None
        self._is_moving = False
        self.left_locked = 0
        settings = get_settings()
        self.retries = settings.batch_retries
        self.sizer = BatchSizer(
            seconds=settings.archive_batch_seconds,
            floor=settings.archive_batch_floor,
            ceiling=plan.batch_size,
        )

    def work(self) -> tuple[State, str]:
        """Move until the end or a reason to stop; return the state to end in and the reason.

        The reason is empty when all eligible rows have been gone through.
        """
        with self.backend.session.tuned():
            while (ending := self._reason_to_stop()) is None:
                if not self._batch():
                    return State.SUCCEEDED, ""
        return ending

    def _reason_to_stop(self) -> tuple[State, str] | None:
        if self.stop.reason:
            return State.INTERRUPTED, f"stopped by {self.stop.reason}"
        if self.state is State.CANCELLING:
            return State.CANCELLED, "cancelled"
        if self.bounds.left(self.pace.rows) == 0:
            return State.SUCCEEDED, "max-rows reached"
        if self.bounds.deadline is not None and time.monotonic() >= self.bounds.deadline:
            return State.SUCCEEDED, "max-runtime reached"
        return None

    def _batch(self) -> bool:
        """Move one batch; return whether there was one. Waits and tries again on locks."""
        tries, way = 0, self._first_way()
        while True:
            try:
                if tries:
                    self.hold.beat()
                return self._try(way)
            except DatabaseError as error:
                trouble = self.backend.errors.trouble(error)
                if trouble is Trouble.INTEGRITY:
                    self._explain(error)
                tries += 1
                next_way = self._next_way(trouble, way, tries)
                if next_way is None:
                    raise
                if self.stop.reason:
                    return True  # rolled back; the next look at the reasons to stop ends the run
                way = next_way
            # Outside of any transaction: nobody waits for us while we wait.
            pause(tries)

    def _first_way(self) -> Way:
        if self._contended > 0 or connections[self.backend.alias].in_atomic_block:
            self._contended -= 1
            return Way.RECHECK
        return Way.SNAPSHOT

    def _next_way(self, trouble: Trouble, way: Way, tries: int) -> Way | None:
        """Return how to try the batch again after trouble, None to give up."""
        if not trouble.passes:
            return None
        if trouble is Trouble.SERIALIZATION and way is Way.SNAPSHOT:
            self._contended = _CONTENDED_BATCHES
            return Way.RECHECK
        if tries > self.retries:
            return None
        at_floor = self.sizer.at_floor
        self.sizer.failed()
        self.progress.note(f"{trouble}: trying again with {self.sizer.size:,} rows")
        if trouble is not Trouble.LOCK_TIMEOUT or not self.backend.features.can_skip_locked:
            return way
        # Stepping over rows helps where rows are locked, and not where the table is.
        is_at_rows = at_floor and self._is_moving and way is not Way.SKIP_LOCKED
        return Way.SKIP_LOCKED if is_at_rows else Way.RECHECK

    def _try(self, way: Way) -> bool:
        size = self.sizer.size
        if (left := self.bounds.left(self.pace.rows)) is not None:
            size = min(size, left)
        began = time.monotonic()
        self._is_moving = False
        # Outside of the transaction as well: looking for the end of a batch may take long
        # where few rows are eligible, and it needs no lock.
        upto = self.walk.end_of_batch(size)
        if upto is None:
            return False
        keys = KeyRange(after=self.walk.cursor, upto=upto)
        moved = self._transaction(keys, upto, way)
        self.walk.went(upto, moved.deleted)
        self.sizer.succeeded(moved.deleted, time.monotonic() - began)
        self.pace.add(moved.deleted)
        self.progress.advance(moved.deleted)
        if way is Way.SKIP_LOCKED:
            self.left_locked += self.backend.rows.remaining(self.selection, keys, survey_limits())
        return True

    def _transaction(self, keys: KeyRange, upto: Key, way: Way) -> Moved:
        archive, limits = self.plan.archive, batch_limits()
        with transaction.atomic(using=self.backend.alias, durable=True):
            self._is_moving = False
            # A batch that a crash of the server takes back is back as a whole, with its place in
            # the run log; the end of the run waits until everything is on disk.
            begun = self.backend.session.begin_batch(
                limits, self.plan.tables, snapshot=way is Way.SNAPSHOT, flush=False
            )
            self._is_moving = True
            moved = self.backend.rows.move(self._transfer(begun.now), keys, limits, way)
            if moved.deleted != moved.inserted:
                raise CountMismatch(
                    f"{moved.deleted:,} rows left {archive.table} but {moved.inserted:,} "
                    f"arrived in {archive.archive_table}; the batch was rolled back. A "
                    "trigger or rule on one of the two tables may change or refuse rows."
                )
            if begun.shape != self._shape:
                self._check_columns()
            self.state = self.hold.record(moved.deleted, list(upto), begun.now)
        self._shape = begun.shape
        return moved

    def _transfer(self, now: datetime) -> Transfer:
        archive = self.plan.archive
        field = concrete_field(archive.model, archive.model._archive.archived_at)
        return self.plan.transfer(self.hold.run.pk, driver_moment(field, now, self.backend.alias))

    def _check_columns(self) -> None:
        """Roll back when one of the tables has other columns than the plan knows.

        The transaction holds a lock on both by now, so what is read here is what was moved.
        """
        known = (self.plan.columns, self.plan.target_columns)
        found = self.backend.catalog.columns_of(self.plan.tables)
        for table, before, now in zip(self.plan.tables, known, found, strict=True):
            if now != before:
                raise SchemaChanged(
                    f"The columns of {table} have changed while the run was going on; its last "
                    "batch was rolled back. Bring the archive table up to date (manage.py "
                    "makemigrations, migrate) and archive again."
                )

    def _explain(self, error: DatabaseError) -> None:
        """Raise KeyTaken when that is what the constraint violation means."""
        sample: list[Any] = self.backend.rows.taken_keys(
            self.plan.transfer(self.hold.run.pk, None), self.walk.rest, batch_limits()
        )
        if sample:
            keys = ", ".join("(" + ", ".join(map(str, key)) + ")" for key in sample)
            raise KeyTaken(
                f"{self.plan.archive.archive_table} holds rows with keys that are to be archived "
                f"again: {keys}. The batch was rolled back. Keys were given out twice; compare "
                "the rows and give the ones in the source new keys, or delete what is wrong."
            ) from error
        raise ConstraintViolated(
            f"A constraint of the database refused a batch of {self.plan.archive.table}, which was "
            f"rolled back: {str(error).strip()} Rows that came in meanwhile may point at rows that "
            "were to leave; manage.py archive --dry-run shows which."
        ) from error
