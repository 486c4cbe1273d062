"""Orders: what a page asks for, as a queued run, and the start of it outside of the request.

Each order is checked as the verb's own call is, and recorded as that call would record it, so
that whoever takes the run (:func:`dbhealth.recipes.resume_run`) does the very same. Nothing is
planned here: what the plan refuses ends the run when it is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbhealth.archive.api import checked
from dbhealth.archive.execute import make_order
from dbhealth.archive.family import ensure_leaves_alone
from dbhealth.archive.plan import Asked
from dbhealth.archive.purge_api import checked_purge
from dbhealth.archive.purge_execute import make_purge_order
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_api import prepared
from dbhealth.archive.restore_chain import queue_chain
from dbhealth.archive.restore_run import make_order as make_restore_order
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import UsageError
from dbhealth.indexes.build import IndexRun
from dbhealth.indexes.build_plan import Asked as IndexesAsked
from dbhealth.maintenance.plan import Asked as VacuumAsked
from dbhealth.maintenance.plan import checked as checked_vacuum
from dbhealth.maintenance.vacuum import VacuumRun
from dbhealth.runs import queue
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import ensure_log
from dbhealth.runs.models import MaintenanceRun, Trigger
from dbhealth.runs.scope import scope


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks, for the record: a user's name, and by what way."""

    name: str
    trigger: Trigger = Trigger.ADMIN

    @property
    def circumstances(self) -> Circumstances:
        """The same as verbs take it."""
        return Circumstances(trigger=self.trigger, started_by=self.name)


def archive(
    alias: str, archive: Archive, asker: Asker, asked: Asked | None = None
) -> MaintenanceRun:
    """Queue the archiving of one table and return the run.

    Raises, as all orders do, UsageError for what makes no sense and for a database without a run
    log, and Refused when a run of the same kind is active.
    """
    backend = ensure_log(alias)
    ensure_leaves_alone(archive)
    order = make_order(archive, backend, checked(asked or Asked()), asker.circumstances)
    return queue.enqueue(order)


def purge(
    alias: str, archive: Archive, asker: Asker, asked: PurgeAsked | None = None
) -> MaintenanceRun:
    """Queue the purge of one archive and return the run."""
    backend = ensure_log(alias)
    wanted = checked_purge(asked or PurgeAsked(), named=True)
    return queue.enqueue(make_purge_order(archive, backend, wanted, asker.circumstances))


def restore(alias: str, archive: Archive, asker: Asker, wanted: Wanted) -> MaintenanceRun:
    """Queue the restoring of rows of one table and return the run.

    Chosen by ``where`` they cannot be: a condition is Python code, which no other process knows.
    """
    backend = ensure_log(alias)
    if wanted.where is not None:
        raise UsageError(
            "Rows that are restored in the background are chosen by run, keys or times, not by "
            "where: a condition is Python code, which the process that restores does not know."
        )
    work = prepared([archive.model], alias, wanted, asker.circumstances)
    return queue.enqueue(make_restore_order(archive, backend, work.wanted, asker.circumstances))


def restore_run(alias: str, asker: Asker, wanted: Wanted) -> list[MaintenanceRun]:
    """Queue the restoring of every table that ``wanted.run`` has archived rows of.

    Returns the runs, parents first. Only the first is to be started: it takes the others after it.
    """
    ensure_log(alias)
    work = prepared([], alias, wanted, asker.circumstances)
    return queue_chain(work.chosen, work.wanted, asker.circumstances)


def vacuum(
    alias: str,
    asker: Asker,
    tables: Sequence[str] | None = None,
    asked: VacuumAsked | None = None,
) -> MaintenanceRun:
    """Queue a vacuum, an analyze or a rebuilding of the indexes of tables; return the run.

    ``tables`` are names of tables or app.Model, None: all of them; ``asked`` says what is done.
    """
    backend = ensure_log(alias)
    how = checked_vacuum(asked or VacuumAsked())
    names = scope(alias, tables, any_table=True)[alias]
    run = VacuumRun(alias, replace(how, tables=names), asker.circumstances)
    return queue.enqueue(run.order(backend))


def init_indexes(
    alias: str,
    asker: Asker,
    tables: Sequence[str] | None = None,
    *,
    indexes: Sequence[str] | None = None,
    vacuum: bool = False,
    analyze: bool = False,
) -> MaintenanceRun:
    """Queue the making of declared indexes that are missing or invalid; return the run.

    ``tables`` are names of tables or app.Model, None: all of them. ``indexes`` are names of
    indexes of these tables, None: all of them.
    """
    backend = ensure_log(alias)
    asked = IndexesAsked(
        tables=scope(alias, tables)[alias],
        indexes=None if indexes is None else tuple(indexes),
        vacuum=vacuum,
        analyze=analyze,
    )
    return queue.enqueue(IndexRun(alias, asked, asker.circumstances).order(backend))


def carry_on(alias: str, pk: int, asker: Asker) -> MaintenanceRun:
    """Queue a paused, interrupted or dead run, to be carried on with; return it.

    Raises UsageError for an unknown run, IllegalMove for one that is at work or has ended.
    """
    return queue.queue_again(alias, pk, trigger=asker.trigger, started_by=asker.name)


def retry(alias: str, pk: int, asker: Asker) -> MaintenanceRun:
    """Queue what a run was to do once more: a new run where it has failed or was cancelled.

    Raises what :func:`carry_on` does, and IllegalMove for one that has succeeded.
    """
    return queue.retry(alias, pk, trigger=asker.trigger, started_by=asker.name)
