"""The way back: rows of one archive table return to the table they came from."""

from __future__ import annotations

from django.db import DatabaseError

from dbhealth.archive.batches import Batches, Bounds
from dbhealth.archive.restore_plan import RestorePlan, last_key
from dbhealth.archive.restore_refusals import row_conflict
from dbhealth.archive.shape import changed_tables
from dbhealth.backends.intake import Returned
from dbhealth.backends.limits import batch_limits, survey_limits
from dbhealth.backends.selection import Key, KeyRange, Way
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import ConstraintViolated, CountMismatch, RowChanged, SchemaChanged
from dbhealth.runs.progress import Progress
from dbhealth.runs.runner import Hold
from dbhealth.runs.stopping import StopRequest
from dbhealth.saying import joined
from dbhealth.saying import say as _


class Restorer(Batches):
    """Works through one plan under one claimed run."""

    def __init__(
        self,
        plan: RestorePlan,
        hold: Hold,
        *,
        bounds: Bounds,
        progress: Progress,
        stop: StopRequest,
    ) -> None:
        """Take everything; nothing is written yet."""
        if plan.restoration is None:
            raise ValueError("A plan that could not look at its tables cannot be executed.")
        super().__init__(hold, ceiling=plan.batch_size, bounds=bounds, progress=progress, stop=stop)
        self.plan, self.restoration = plan, plan.restoration
        cursor = hold.run.cursor
        self.cursor: Key | None = None if cursor is None else tuple(cursor)
        self._shape: str | None = None

    def step(self, size: int, way: Way) -> int | None:
        """Bring back one batch."""
        upto = self._end_of_batch(size)
        if upto is None:
            return None
        back = self._transaction(KeyRange(after=self.cursor, upto=upto), upto, way)
        self.cursor = upto
        return back.inserted

    def next_way(self, trouble: Trouble, way: Way, tries: int) -> Way | None:
        """Wait for locked rows: a row of the archive that is left would be one that is lost to
        whoever asked for it."""
        found = super().next_way(trouble, way, tries)
        return Way.RECHECK if found is Way.SKIP_LOCKED else found

    def left(self) -> int:
        """Return how many of the chosen rows are still in the archive."""
        return self.backend.rows.remaining(self.restoration.selection, KeyRange(), survey_limits())

    def _end_of_batch(self, size: int) -> Key | None:
        last = last_key(self.plan)
        if last is None:
            return None
        keys = KeyRange(after=self.cursor, upto=last)
        return self.backend.rows.next_key(self.restoration.selection, keys, size, survey_limits())

    def _transaction(self, keys: KeyRange, upto: Key, way: Way) -> Returned:
        limits = batch_limits()
        with self.backend.executor.atomic(lock=limits.lock, durable=True):
            self._is_moving = False
            begun = self.backend.session.begin_batch(
                limits, self.plan.tables, snapshot=way is Way.SNAPSHOT, flush=False
            )
            self._is_moving = True
            if begun.shape != self._shape:
                self._check_structure()
            back = self.backend.restoring.bring_back(
                self.restoration, keys, self.plan.skipped, limits
            )
            self._check(back)
            self.state = self.hold.record(back.inserted, list(upto), begun.now)
        self.hold.committed()
        self._shape = begun.shape
        return back

    def _check(self, back: Returned) -> None:
        source, archive = self.plan.tables
        if back.deleted != back.inserted:
            raise CountMismatch(
                _(
                    "{deleted:,} rows left {archive} but {inserted:,} arrived in {source}; the "
                    "batch was rolled back. A trigger or rule on one of the two tables may change "
                    "or refuse rows.",
                    deleted=back.deleted,
                    archive=archive,
                    inserted=back.inserted,
                    source=source,
                )
            )
        if back.changed:
            raise RowChanged(
                _(
                    "{changed:,} rows came back to {source} with other values than {archive} has; "
                    "the batch was rolled back. A trigger of the table changes what comes in, or a "
                    "generated column is computed in another way today (generated-differs).",
                    changed=back.changed,
                    source=source,
                    archive=archive,
                )
            )

    def _check_structure(self) -> None:
        """Roll back when the tables are not what the plan has looked at."""
        plan = self.plan
        source, archive = plan.tables
        for table in changed_tables(
            self.backend.catalog, plan.tables, plan.columns, left=(archive,)
        ):
            raise SchemaChanged(
                _(
                    "The columns of {table} have changed while the run was going on; its last "
                    "batch was rolled back. Bring both tables up to date and restore again.",
                    table=table,
                )
            )
        # Where the plan knows of triggers, every value that comes back is compared.
        triggers = self.backend.restoring.intake(source, batch_limits()).triggers
        if triggers and not plan.triggers:
            raise SchemaChanged(
                _(
                    "Triggers of {table} have come since it was looked at, and may change what "
                    "comes back: {triggers}. The last batch was rolled back; restore again, and "
                    "every value is compared.",
                    table=source,
                    triggers=", ".join(triggers),
                )
            )

    def explain(self, error: DatabaseError) -> None:
        """Raise ConstraintViolated with the conflicts that have come up since the report."""
        found = []
        for question in self.plan.questions:
            answer = self.backend.restoring.ask(
                self.restoration.selection, question, survey_limits()
            )
            if answer.rows:
                found.append(
                    row_conflict(
                        question.kind,
                        question.subject,
                        answer.rows,
                        answer.sample,
                        self.plan.tables,
                    )
                )
        told = [entry[part] for entry in found for part in ("what", "why", "instead")]
        raise ConstraintViolated(
            _(
                "A constraint of the database refused a batch of {table}, which was rolled back: "
                "{said} What came back before it stays; restore again when that is settled.",
                table=self.plan.archive.table,
                said=joined((str(error).strip(), *told), " "),
            )
        ) from error
