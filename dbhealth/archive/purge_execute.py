"""Purge one archive: the call as the frame of verbs wants it."""

from __future__ import annotations

from typing import Any

from dbhealth.archive.batches import Bounds
from dbhealth.archive.execute import empty_result
from dbhealth.archive.others import beside_purging
from dbhealth.archive.purge_batches import Purger
from dbhealth.archive.purge_obstacles import structural_refusals
from dbhealth.archive.purge_plan import PurgeAsked, PurgePlan, keeps, make_purge_plan
from dbhealth.archive.purge_results import PurgeTable
from dbhealth.archive.registry import Archive
from dbhealth.archive.verb import VerbRun, cutoff_of
from dbhealth.backends import Backend
from dbhealth.exceptions import Refusal
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import Order
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold

_ALLOWS = ("allow_emptying", "allow_share", "allow_clock_skew")


def empty_purge(archive: Archive, alias: str, state: str) -> PurgeTable:
    """Return the result of an archive of which nothing is known yet."""
    return PurgeTable(**empty_result(archive, alias, state), purged={})


def make_purge_order(
    archive: Archive, backend: Backend, asked: PurgeAsked, circumstances: Circumstances
) -> Order:
    """Return what the run log is told of a call. Its target is the archive's table."""
    stays = keeps(archive, asked)
    given = {name: getattr(asked, name) for name in ("batch_size", "max_rows", "max_runtime")}
    given |= {name: True if getattr(asked, name) else None for name in _ALLOWS}
    return Order(
        operation=Operation.PURGE,
        backend=backend,
        target=archive.archive_table,
        terms={
            "source": archive.table,
            "archived_at": archive.model._archive.archived_at,
            "keeps_seconds": None if stays is None else stays.total_seconds(),
        },
        options={name: value for name, value in given.items() if value is not None},
        trigger=circumstances.trigger,
        started_by=circumstances.started_by,
        resumes=circumstances.resumes,
    )


def with_purge_plan(result: PurgeTable, plan: PurgePlan) -> PurgeTable:
    """Return the result with what the plan says."""
    result["cutoff"] = plan.cutoff.isoformat() if plan.keeps is not None else None
    result["rows_eligible"] = plan.eligible if plan.survey else None
    result["notes"] = list(plan.notes)
    result["refusals"] = [refusal.as_dict() for refusal in plan.refusals]
    return result


class PurgeRun(VerbRun[PurgePlan]):
    """Deletes the rows of one archive that are past its purge_after."""

    operation = Operation.PURGE

    def __init__(
        self, archive: Archive, alias: str, asked: PurgeAsked, circumstances: Circumstances
    ) -> None:
        """Take what is needed; nothing is written yet."""
        self.told = empty_purge(archive, alias, "failed")
        super().__init__(archive, alias, circumstances, self.told, max_rows=asked.max_rows)
        self.asked = asked
        self._purger: Purger | None = None

    def order(self, backend: Backend) -> Order:
        """Return what the run log is told of this call."""
        return make_purge_order(self.archive, backend, self.asked, self.circumstances)

    def structural(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return what is wrong with the archive itself."""
        return structural_refusals(self.archive, backend, keeps(self.archive, self.asked))

    def plan(self, backend: Backend, waiting: MaintenanceRun | None) -> PurgePlan:
        """Look at the archive and return the plan."""
        plan = make_purge_plan(self.archive, backend, self.asked, cutoff=cutoff_of(waiting))
        with_purge_plan(self.told, plan)
        return plan

    def beside(self, backend: Backend) -> tuple[Refusal, ...]:
        """Return the refusals while other verbs are at work on the rows."""
        return beside_purging(self.archive, backend)

    def batches(self, plan: PurgePlan, hold: Hold, bounds: Bounds) -> Purger:
        """Return the loop that deletes the rows."""
        around = self.circumstances
        self._purger = Purger(plan, hold, bounds=bounds, progress=around.progress, stop=around.stop)
        return self._purger

    def count(self) -> None:
        """Put into ``result`` how far the work has come."""
        super().count()
        if self._purger is not None:
            self.told["purged"] = dict(self._purger.totals)

    def _outcome(self, reason: str) -> dict[str, Any]:
        return {**super()._outcome(reason), "purged": self.told["purged"]}
