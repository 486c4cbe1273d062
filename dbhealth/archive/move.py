"""The move: rows of one table, with what belongs to them, leave for their archive tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from dbhealth.archive.batches import Batches, Bounds
from dbhealth.archive.columns import concrete_field
from dbhealth.archive.plan import ArchivePlan, batch_limits, survey_limits
from dbhealth.archive.selection import driver_moment
from dbhealth.archive.walk import Walk
from dbhealth.backends.records import Moved
from dbhealth.backends.selection import Key, KeyRange, Transfer, Way
from dbhealth.exceptions import ConstraintViolated, CountMismatch, KeyTaken, SchemaChanged
from dbhealth.runs.progress import Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.stopping import StopRequest


class Mover(Batches):
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
        super().__init__(hold, ceiling=plan.batch_size, bounds=bounds, progress=progress, stop=stop)
        self.plan, self.selection = plan, plan.selection
        self.walk = Walk(self.backend, plan, hold.run.cursor)
        self.left_locked = 0
        self._shape: str | None = None

    def step(self, size: int, way: Way) -> int | None:
        """Move one batch."""
        # Outside of the transaction: looking for the end of a batch may take long where few rows
        # are eligible, and it needs no lock.
        upto = self.walk.end_of_batch(size)
        if upto is None:
            return None
        keys = KeyRange(after=self.walk.cursor, upto=upto)
        moved = self._transaction(keys, upto, way)
        self.walk.went(upto, moved.deleted)
        if way is Way.SKIP_LOCKED:
            self.left_locked += self.backend.rows.remaining(self.selection, keys, survey_limits())
        return moved.deleted

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

    def explain(self, error: DatabaseError) -> None:
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
