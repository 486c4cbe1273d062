"""Restoring several tables in one call: which ones a run has rows in, and parents first."""

from __future__ import annotations

import logging
import time

from django.db import models
from django.db.models.query import QuerySet

from dbhealth.archive.columns import table_of
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.archive.restore_refusals import with_others
from dbhealth.archive.restore_results import RestoredTable, RestoreResult, empty_entry, summarize
from dbhealth.archive.restore_run import RestoreRun, make_order, preview
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.archive.results import SUCCEEDED
from dbhealth.backends import get_backend, is_supported
from dbhealth.backends.limits import batch_limits
from dbhealth.backends.selection import Selection
from dbhealth.exceptions import DBHealthError, Refusal, Refused, UsageError
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import Order, refuse
from dbhealth.runs.states import State
from dbhealth.saying import say as _

logger = logging.getLogger("dbhealth.archive")

Chosen = list[tuple[Archive, str]]
"""Archives, each with the alias of the database to work on."""


def tables_of_run(run: int, using: str | None) -> Chosen:
    """Return the archives that hold rows of a run.

    Raises UsageError where there is none, and where runs of that number in several databases are.
    """
    found = []
    for archive, alias in archives_in(using):
        if not is_supported(alias):
            continue
        if get_backend(alias).catalog.relation(archive.archive_table) is None:
            continue
        held = {archive.model._archive.archive_run: run}
        if QuerySet(archive.model, using=alias).filter(**held).exists():
            found.append((archive, alias))
    aliases = sorted({alias for _, alias in found})
    if not found:
        raise UsageError(f"No archive holds rows of run {run}.")
    if len(aliases) > 1:
        raise UsageError(
            f"Each of the databases {', '.join(aliases)} has rows of a run {run} of its own. Name "
            "one with --database (using=)."
        )
    return found


def parents_first(chosen: Chosen) -> Chosen:
    """Return the archives so that each comes behind those that its source points at.

    Where sources point at each other in a circle, names decide.
    """
    parents = {(archive.table, alias): _parents(archive, alias) for archive, alias in chosen}
    left = sorted(chosen, key=lambda pair: (pair[1], pair[0].table))
    ordered: Chosen = []
    while left:
        waiting = {(archive.table, alias) for archive, alias in left}
        free = next(
            (
                (archive, alias)
                for archive, alias in left
                if not {(parent, alias) for parent in parents[archive.table, alias]}
                & waiting - {(archive.table, alias)}
            ),
            left[0],
        )
        ordered.append(free)
        left.remove(free)
    return ordered


def _parents(archive: Archive, alias: str) -> set[str]:
    """Return the tables that the source points at, by the catalogue and by the models."""
    declared = {
        table_of(field.target_field.model)
        for field in archive.source._meta.local_concrete_fields
        if isinstance(field, models.ForeignKey)
    }
    backend = get_backend(alias)
    if backend.catalog.relation(archive.table) is None:
        return declared
    held = backend.restoring.intake(archive.table, batch_limits()).references
    return declared | {link.target for link in held}


class Restoring:
    """One call on several tables. ``errors`` are what kept a table from coming back."""

    def __init__(self, chosen: Chosen, wanted: Wanted, circumstances: Circumstances) -> None:
        """Take everything; nothing is looked at yet."""
        self.chosen = parents_first(chosen) if len(chosen) > 1 else chosen
        self.wanted, self.around = wanted, circumstances
        self.errors: list[Exception] = []

    def look(self) -> RestoreResult:
        """Return what a run would do, table by table; writes nothing."""
        began = time.monotonic()
        results = self._looked()
        return summarize(results, seconds=time.monotonic() - began, dry_run=True)

    def execute(self) -> RestoreResult:
        """Restore; nothing at all where one of several tables is refused."""
        began = time.monotonic()
        self.around = self.around.within(self.wanted.max_runtime)
        results = self._refused() if len(self.chosen) > 1 else []
        results = results or self._worked()
        return summarize(results, seconds=time.monotonic() - began, dry_run=False)

    def _looked(self) -> list[RestoredTable]:
        results: list[RestoredTable] = []
        others: dict[str, Selection] = {}
        for archive, alias in self.chosen:
            result, plan = preview(archive, alias, self.wanted, others)
            if plan.restoration is not None:
                others[archive.table] = plan.restoration.selection
            results.append(result)
        return results

    def _refused(self) -> list[RestoredTable]:
        """Look at all tables before the first is touched; return the results where one of them
        is refused, recorded, and nothing else."""
        results = self._looked()
        names = [result["table"] for result in results if result["state"] not in SUCCEEDED]
        if not names:
            return []
        for result, (archive, alias) in zip(results, self.chosen, strict=True):
            is_innocent = result["state"] in SUCCEEDED
            if is_innocent:
                refusal = with_others(names)
                result["state"], result["error"] = "refused", str(refusal)
                result["refusals"] = [refusal.as_dict()]
            self._record(result, make_order(archive, get_backend(alias), self.wanted, self.around))
            if not is_innocent:
                found = [Refusal(**each) for each in result["refusals"]]
                self.errors.append(Refused(found))
        return results

    def _record(self, result: RestoredTable, order: Order) -> None:
        """Leave a run that says why nothing was done, where there is a run log.

        One that waits to be carried on with stays the latest run of its table.
        """
        result["plan"] = None
        found = [Refusal(**each) for each in result["refusals"]]
        has_log = not any(each.code == "run-log-missing" for each in found)
        if has_log and not result["resumed"]:
            result["run"] = refuse(order, Refused(found)).pk

    def _worked(self) -> list[RestoredTable]:
        results: list[RestoredTable] = []
        unfinished: dict[str, str] = {}
        for archive, alias in self.chosen:
            parents = _parents(archive, alias) - {archive.table} if unfinished else set()
            waits_for = next((table for table in unfinished if table in parents), None)
            if waits_for is not None:
                result = self._not_begun(archive, alias, waits_for, unfinished[waits_for])
            else:
                result = self._one(archive, alias)
            if result["stopped"] or result["state"] not in SUCCEEDED:
                unfinished[archive.table] = result["stopped"] or _(result["state"])
            results.append(result)
        return results

    def _not_begun(self, archive: Archive, alias: str, parent: str, reason: str) -> RestoredTable:
        result = empty_entry(archive, alias, str(State.INTERRUPTED))
        result["stopped"] = _(
            "not begun: {parent}, which it points at, is not done ({reason})",
            parent=parent,
            reason=reason,
        )
        return result

    def _one(self, archive: Archive, alias: str) -> RestoredTable:
        run = RestoreRun(archive, alias, self.wanted, self.around)
        try:
            run.execute()
        except UsageError:
            raise
        except Exception as error:
            # The other tables still get their turn; the run has the traceback.
            if not isinstance(error, DBHealthError):
                logger.exception("Restoring %s failed.", archive.table)
            self.errors.append(error)
        return run.entry
