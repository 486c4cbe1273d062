"""Queued restorations of one call: several tables, one after the other, parents first.

Each table has a run of its own. The first names the others in its options (``then``), and whoever
executes it takes them after it. What ends the first for good ends those that wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_refusals import with_others
from dbhealth.archive.restore_results import RestoreResult, summarize
from dbhealth.archive.restore_run import make_order
from dbhealth.archive.restore_tables import Chosen, Restoring
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.archive.resuming import declared, terms_of
from dbhealth.backends import get_backend
from dbhealth.exceptions import Refusal, Refused
from dbhealth.runs.busy import AFTER
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.queue import end_queued, enqueue
from dbhealth.runs.states import ACTIVE, State

_THEN = "then"


def queue_chain(
    chosen: Chosen, wanted: Wanted, circumstances: Circumstances
) -> list[MaintenanceRun]:
    """Queue the restoring of archives, parents first, and return the runs in this order.

    Raises Refused when one of the tables has an active restoration; nothing is queued then.
    """
    queued: list[MaintenanceRun] = []
    for archive, alias in reversed(chosen):
        order = make_order(archive, get_backend(alias), wanted, circumstances)
        if queued and (archive, alias) == chosen[0]:
            order = replace(order, options={**order.options, _THEN: [run.pk for run in queued]})
        try:
            queued.insert(0, enqueue(order))
        except Refused:
            _give_up(queued, archive.table)
            raise
    for follower in queued[1:]:
        follower.options = {**follower.options, AFTER: queued[0].pk}
        follower.save(update_fields=["options"])
    return queued


def followers(run: MaintenanceRun) -> Iterator[MaintenanceRun]:
    """Yield the runs that wait for this one, each as soon as all before it have succeeded.

    Nothing comes where this one was not done; those that wait are ended when it never will be.
    """
    before = run
    for follower in _waiting(run):
        if _state(before) != State.SUCCEEDED:
            if _state(before) not in (*ACTIVE, State.INTERRUPTED):
                _give_up(_waiting(run), before.target)
            return
        yield follower
        before = follower


@contextmanager
def leading(run: MaintenanceRun) -> Iterator[None]:
    """Frame the first run: when it is refused, those that wait for it are ended with it."""
    try:
        yield
    except Refused:
        _give_up(_waiting(run), run.target)
        raise


def ensure_whole(run: MaintenanceRun, archive: Archive, wanted: Wanted) -> None:
    """Raise Refused where one of several tables could not come back, before the first one does."""
    waiting = _waiting(run)
    if not waiting or run.started_at is not None:
        return
    rest = [
        declared(each, table=each.target, archive_table=terms_of(each).get("archive"))
        for each in waiting
    ]
    chosen = [(each, run.database) for each in (archive, *rest)]
    looked = Restoring(chosen, wanted, Circumstances()).look()
    found = [
        Refusal(**refusal)
        for entry in looked["tables"].values()
        for refusal in entry["refusals"]
        if refusal["code"] != "run-active"  # these very runs, which hold the tables' places
    ]
    if found:
        raise Refused(found)


def joined(results: list[RestoreResult]) -> RestoreResult:
    """Return the results of several tables as that of one call."""
    if len(results) == 1:
        return results[0]
    entries = [entry for result in results for entry in result["tables"].values()]
    seconds = sum(result["summary"]["seconds"] for result in results)
    return summarize(entries, seconds=seconds, dry_run=False)


def _waiting(run: MaintenanceRun) -> list[MaintenanceRun]:
    pks = run.options.get(_THEN, [])
    rows = MaintenanceRun.objects.using(run.database).filter(pk__in=pks, state=State.QUEUED)
    found = {row.pk: row for row in rows}
    return [found[pk] for pk in pks if pk in found]


def _state(run: MaintenanceRun) -> str:
    rows = MaintenanceRun.objects.using(run.database).filter(pk=run.pk)
    return rows.values_list("state", flat=True).get()


def _give_up(runs: list[MaintenanceRun], table: str) -> None:
    for run in runs:
        end_queued(run.database, run.pk, str(with_others([table])))
