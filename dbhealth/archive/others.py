"""Other verbs at work on the same rows: which runs those are, for every verb.

Each verb looks when it plans, and once more with its claim, when nobody else can claim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dbhealth.archive import purge_refusals, refusals
from dbhealth.archive.family import members_of, parents_of
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.exceptions import Refusal
from dbhealth.runs.busy import busy
from dbhealth.runs.lease import is_dead
from dbhealth.runs.log import bounded
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import ACTIVE, WORKING, State


def above(archive: Archive) -> list[Archive]:
    """Return the archive and everything whose rows take its rows along, each once."""
    found, waiting = [archive], [archive]
    while waiting:
        for parent in parents_of(waiting.pop()):
            if all(parent.table != known.table for known in found):
                found.append(parent)
                waiting.append(parent)
    return found


def beside_archiving(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return a refusal for every run that brings rows back to the table or to one below it.

    The archive run would take these rows away again. A purge is no reason: what comes into an
    archive is young.
    """
    tables = {member.table for member in members_of(archive)}
    found = _active(backend, {Operation.RESTORE: tables}, ACTIVE)
    return tuple(refusals.being_restored(run) for run in found)


def beside_restoring(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return a refusal for every run that archives the table, alone or below a parent, and would
    take the rows away again, or that deletes for good what is wanted back."""
    tables = {other.table for other in above(archive)}
    verbs = {Operation.ARCHIVE: tables, Operation.PURGE: {archive.archive_table}}
    return tuple(busy(run) for run in _active(backend, verbs, ACTIVE))


def beside_purging(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return a refusal for every run that brings rows into the archive or takes some out.

    Rows also come in with those of the tables above. A paused run moves nothing.
    """
    tables = {other.table for other in above(archive)}
    verbs = {Operation.ARCHIVE: tables, Operation.RESTORE: {archive.table}}
    return tuple(purge_refusals.in_use(run) for run in _active(backend, verbs, WORKING))


def _active(
    backend: Backend, verbs: Mapping[Operation, Collection[str]], states: Collection[State]
) -> list[MaintenanceRun]:
    """Return the runs of these verbs on these tables that are in one of the states and not dead."""
    active = MaintenanceRun.objects.using(backend.alias).filter(
        database=backend.alias, operation__in=list(verbs), state__in=sorted(states)
    )
    with bounded(backend, writes=False):
        found = [run for run in active if run.target in verbs[Operation(run.operation)]]
    # Only where there is one is the database's clock needed.
    return found and [run for run in found if not is_dead(run, backend.session.now())]
