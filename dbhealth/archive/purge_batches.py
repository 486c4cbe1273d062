"""The deleting: rows of an archive, batch after batch, each counted before it is gone."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import DatabaseError

from dbhealth.archive.batches import Batches, Bounds
from dbhealth.archive.purge_plan import PurgePlan
from dbhealth.archive.shape import changed_tables
from dbhealth.backends.limits import batch_limits, survey_limits
from dbhealth.backends.purging import Purged
from dbhealth.backends.selection import Key, KeyRange, Way
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import ConstraintViolated, CountMismatch, SchemaChanged
from dbhealth.runs.progress import Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.stopping import StopRequest
from dbhealth.saying import say as _


class Purger(Batches):
    """Works through one plan under one claimed run."""

    erases = True

    def __init__(
        self,
        plan: PurgePlan,
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
        cursor: list[Any] | None = hold.run.cursor
        self.cursor: Key | None = None if cursor is None else tuple(cursor)
        self._shape: str | None = None
        self.totals: Counter[str] = Counter(hold.run.result.get("purged", {}))
        """The rows that the whole run has deleted, by the run that had archived them."""

    def first_way(self) -> Way:
        """Return the only way: there is no batch without one snapshot for its two statements."""
        return Way.SNAPSHOT

    def next_way(self, trouble: Trouble, way: Way, tries: int) -> Way | None:
        """Return how to try the batch again after trouble, None to give up.

        Locked rows are waited for and never stepped over: what is to be gone is gone as a whole,
        or the run fails and says so.
        """
        if not trouble.passes or tries > self.retries:
            return None
        if trouble is not Trouble.SERIALIZATION:
            self.sizer.failed()
            self.progress.note(
                _(
                    "{trouble}: trying again with {size:,} rows",
                    trouble=trouble.told,
                    size=self.sizer.size,
                )
            )
        return Way.SNAPSHOT

    def step(self, size: int, way: Way) -> int | None:
        """Delete one batch."""
        if self.plan.last_key is None:
            return None
        # Outside of the transaction: it may take long where few rows are eligible.
        rest = KeyRange(after=self.cursor, upto=self.plan.last_key)
        upto = self.backend.rows.next_key(self.selection, rest, size, survey_limits())
        if upto is None:
            return None
        purged, totals = self._transaction(KeyRange(after=self.cursor, upto=upto), upto)
        # What the process remembers follows what is committed.
        self.cursor, self.totals = upto, totals
        return purged.deleted

    def _transaction(self, keys: KeyRange, upto: Key) -> tuple[Purged, Counter[str]]:
        plan, limits = self.plan, batch_limits()
        with self.backend.executor.atomic(lock=limits.lock, durable=True):
            begun = self.backend.session.begin_batch(
                limits, (plan.table,), snapshot=True, flush=False
            )
            self._is_moving = True
            self._check_structure(begun.shape)
            purged = self.backend.purging.delete(self.selection, plan.run_column, keys, limits)
            self._check_counts(purged)
            totals = self.totals + Counter(purged.runs)
            self.state = self.hold.record(
                purged.deleted, list(upto), begun.now, result={"purged": dict(totals)}
            )
        self.hold.committed()
        self._shape = begun.shape
        return purged, totals

    def _check_counts(self, purged: Purged) -> None:
        """Roll back unless just the rows that were counted are gone, no more than planned."""
        table, expected = self.plan.table, self.plan.expected
        if purged.deleted != purged.counted:
            raise CountMismatch(
                _(
                    "{counted:,} rows of {table} were to be deleted but {deleted:,} were; the "
                    "batch was rolled back. A trigger or rule on the table may change or refuse "
                    "rows.",
                    counted=purged.counted,
                    table=table,
                    deleted=purged.deleted,
                )
            )
        if (done := self.pace.rows + purged.deleted) > expected:
            raise CountMismatch(
                _(
                    "{done:,} rows of {table} would be deleted but {expected:,} were counted when "
                    "the run began; the batch was rolled back. Rows have become older since, or "
                    "came in with an old archived_at: look at them, and purge again.",
                    done=done,
                    table=table,
                    expected=expected,
                )
            )

    def _check_structure(self, shape: str) -> None:
        """Stop where the table is not what the plan has looked at.

        The transaction holds a lock on the table by now, so that it stays like this.
        """
        if shape == self._shape:
            return
        tables = (self.plan.table,)
        for table in changed_tables(
            self.backend.catalog, tables, (self.plan.columns,), left=tables
        ):
            raise SchemaChanged(
                _(
                    "The columns of {table} have changed while the run was going on; nothing more "
                    "was deleted. Look at manage.py purge_archive --dry-run and purge again.",
                    table=table,
                )
            )

    def explain(self, error: DatabaseError) -> None:
        """Raise the error of ours that a violated constraint stands for."""
        raise ConstraintViolated(
            _(
                "A constraint of the database refused a batch of {table}, which was rolled back: "
                "{said} Rows that came in meanwhile may point at rows that were to go; manage.py "
                "purge_archive --dry-run shows which.",
                table=self.plan.table,
                said=str(error).strip(),
            )
        ) from error
