"""The move: rows of one table, with what belongs to them, leave for their archive tables."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import DatabaseError

from dbhealth.archive.batches import Batches, Bounds
from dbhealth.archive.plan import (
    ArchivePlan,
)
from dbhealth.archive.proof import Proof, grown
from dbhealth.archive.shape import changed_tables
from dbhealth.archive.walk import Walk
from dbhealth.backends.limits import batch_limits, survey_limits
from dbhealth.backends.records import Moved
from dbhealth.backends.selection import Key, KeyRange, Transfer, Way
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import (
    ConstraintViolated,
    CountMismatch,
    DigestMismatch,
    KeyTaken,
    SchemaChanged,
)
from dbhealth.runs.progress import Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.stopping import StopRequest
from dbhealth.saying import say as _


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
        self.by_table: Counter[str] = Counter()
        self._is_loose = any(
            not link.enforced for member in self.selection.everybody for link in member.links
        )
        self._proof: Proof = hold.run.proof
        self._shape: str | None = None

    def step(self, size: int, way: Way) -> int | None:
        """Move one batch: rows of the table, and everything that belongs to them."""
        # Outside of the transaction: looking for the end of a batch may take long where few rows
        # are eligible, and it needs no lock.
        found = self.walk.next_batch(size)
        if found is None:
            return None
        keys, upto = found
        if way is Way.SKIP_LOCKED and self.selection.is_family:
            return self._step_over(keys, upto)
        moved = self._transaction(keys, upto, way)
        self.walk.went(upto, moved[0].deleted)
        if way is Way.SKIP_LOCKED:
            self.left_locked += self.backend.rows.remaining(self.selection, keys, survey_limits())
        for part, found_there in zip(self.plan.parts, moved, strict=True):
            self.by_table[part.archive.table] += found_there.deleted
        rows = sum(table.deleted for table in moved)
        if rows > self.plan.batch_size:
            self._note_size(rows)
        return rows

    def _step_over(self, keys: KeyRange, upto: Key) -> int:
        """Leave families that somebody holds locked where they are; the next run takes them."""
        self.left_locked += sum(self.backend.rows.sizes(self.selection, keys, survey_limits()))
        self.walk.went(upto, 0)
        return 0

    def _note_size(self, rows: int) -> None:
        note = _(
            "One row and what belongs to it are {rows:,} rows, more than a batch of "
            "{batch_size:,}: they left in one transaction all the same.",
            rows=rows,
            batch_size=self.plan.batch_size,
        )
        self.progress.note(note)
        self.notes.append(note)

    def first_way(self) -> Way:
        """Return how a batch is tried first."""
        # Where the database holds no foreign key, nothing speaks up when somebody points at a
        # leaving row under our snapshot: nobody else may write the tables then.
        return Way.RECHECK if self._is_loose else super().first_way()

    def next_way(self, trouble: Trouble, way: Way, tries: int) -> Way | None:
        """Return how to try the batch again after trouble, None to give up."""
        # Somebody has pointed at a leaving row meanwhile, or has archived one with what it belongs
        # to: look again. Whatever is wrong with the rows themselves shows then as well.
        if trouble is Trouble.INTEGRITY and way is Way.SNAPSHOT:
            return self.contended()
        if not self.selection.is_family:
            return super().next_way(trouble, way, tries)
        following = super().next_way(trouble, way, tries)
        if trouble is not Trouble.LOCK_TIMEOUT:
            return following
        if following is None and way is Way.RECHECK and not self._is_moving:
            return Way.SKIP_LOCKED  # others write these tables all the time
        # Having the tables alone helps against changes of rows, and not against locks.
        eases = following is Way.RECHECK and not self._is_loose
        return Way.SNAPSHOT if eases else following

    def contended(self) -> Way:
        """Return the way that copes with others who change these rows."""
        # For a family that way keeps everybody from writing its tables: for one batch only.
        return Way.RECHECK if self.selection.is_family else super().contended()

    def _transaction(self, keys: KeyRange, upto: Key, way: Way) -> tuple[Moved, ...]:
        limits = batch_limits()
        with self.backend.executor.atomic(lock=limits.lock, durable=True):
            self._is_moving = False
            # A batch that a crash of the server takes back is back as a whole, with its place in
            # the run log; the end of the run waits until everything is on disk.
            begun = self.backend.session.begin_batch(
                limits,
                self.plan.tables,
                snapshot=way is Way.SNAPSHOT,
                alone=way is Way.RECHECK and self.selection.is_family,
                flush=False,
            )
            self._is_moving = True
            transfer = self.plan.transfer(self.hold.run.pk, begun.now)
            if begun.shape != self._shape:
                self._check_columns()
            moved = self.backend.rows.move(transfer, keys, limits, way)
            self._check_arrival(transfer, moved)
            rows = sum(table.deleted for table in moved)
            proof = grown(self._proof, transfer, moved, self.backend.digest.name)
            self.state = self.hold.record(rows, list(upto), begun.now, proof=proof)
        self.hold.committed()
        self._shape, self._proof = begun.shape, proof
        return moved

    def _check_arrival(self, transfer: Transfer, moved: tuple[Moved, ...]) -> None:
        for copy, found in zip(transfer.copies, moved, strict=True):
            if found.deleted != found.inserted:
                raise CountMismatch(
                    _(
                        "{deleted:,} rows left {table} but {inserted:,} arrived in {target}; the "
                        "batch was rolled back. A trigger or rule on one of the two tables may "
                        "change or refuse rows.",
                        deleted=found.deleted,
                        table=copy.table,
                        inserted=found.inserted,
                        target=copy.target,
                    )
                )
            if found.digest_out != found.digest_in:
                raise DigestMismatch(
                    _(
                        "The rows that arrived in {target} are not the same as those that left "
                        "{table}; the batch was rolled back. A trigger or rule on the archive "
                        "table may change values, or a column of it takes them in another form.",
                        target=copy.target,
                        table=copy.table,
                    )
                )

    def _check_columns(self) -> None:
        """Roll back when the tables are not what the plan has looked at.

        The transaction holds a lock on all of them by now, so what is read here is what was moved.
        """
        left = [part.archive.table for part in self.plan.parts]
        for table in changed_tables(
            self.backend.catalog, self.plan.tables, self.plan.columns, left=left
        ):
            raise SchemaChanged(
                _(
                    "The columns of {table} have changed while the run was going on; its last "
                    "batch was rolled back. Bring the archive table up to date (manage.py "
                    "makemigrations, migrate) and archive again.",
                    table=table,
                )
            )

    def explain(self, error: DatabaseError) -> None:
        """Raise KeyTaken when that is what the constraint violation means."""
        transfer = self.plan.transfer(self.hold.run.pk, self.plan.now)
        for place, copy in enumerate(transfer.copies):
            sample: list[Any] = self.backend.rows.taken_keys(
                transfer, place, self.walk.rest, batch_limits()
            )
            if sample:
                keys = ", ".join("(" + ", ".join(map(str, key)) + ")" for key in sample)
                raise KeyTaken(
                    _(
                        "{target} holds rows with keys that are to be archived again: {keys}. The "
                        "batch was rolled back. Keys were given out twice; compare the rows and "
                        "give the ones in the source new keys, or delete what is wrong.",
                        target=copy.target,
                        keys=keys,
                    )
                ) from error
        raise ConstraintViolated(
            _(
                "A constraint of the database refused a batch of {table}, which was rolled back: "
                "{said} Rows that came in meanwhile may point at rows that were to leave; "
                "manage.py archive --dry-run shows which.",
                table=self.plan.archive.table,
                said=str(error).strip(),
            )
        ) from error
