"""The few sequences that cross topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from django.core.checks import ERROR
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.models import Index

from dbhealth.archive.columns import column, column_of
from dbhealth.archive.indexing import (
    addition,
    fixed_columns,
    line_of_index,
    partial_indexes,
)
from dbhealth.archive.problems import policy_problems
from dbhealth.archive.purge_resume import resume_purge
from dbhealth.archive.registry import Archive, archives_in
from dbhealth.archive.restore_resume import resume_restore
from dbhealth.archive.resume import resume_archive
from dbhealth.archive.selection import timestamp_field
from dbhealth.archive.snapshots import TakenArchives, snapshot_archives
from dbhealth.archive.stats import get_archival_stats
from dbhealth.backends import get_backend, is_supported
from dbhealth.exceptions import DBHealthError, IllegalMove
from dbhealth.health.life import remember
from dbhealth.health.report import run_checks
from dbhealth.indexes.build import index_status, init_indexes, resume_init
from dbhealth.indexes.history import Taken
from dbhealth.indexes.registry import registry
from dbhealth.indexes.searching import Search
from dbhealth.indexes.snapshots import snapshot_indexes
from dbhealth.indexes.usage import Usage, index_usage
from dbhealth.maintenance.condition import database_state
from dbhealth.maintenance.sizes import TakenSizes
from dbhealth.maintenance.snapshots import snapshot_sizes
from dbhealth.maintenance.vacuum import resume_vacuum
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import get_run
from dbhealth.runs.failures import told
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.queue import end_queued, taking
from dbhealth.runs.states import WORKING, State, check_move
from dbhealth.saying import say as _

T = TypeVar("T")

LOOK_SECONDS = 15.0
"""After so long a page that looks anew begins nothing more (seconds); somebody waits for it."""


def database_stats(
    using: str | None = None, *, largest: int = 10, exact_seconds: float | None = None
) -> dict[str, Any]:
    """Return the sizes of the databases, how their tables stand, and what may be archived.

    ``using`` None: all databases that dbhealth supports. Sizes are bytes. ``exact_seconds``: read
    the tables of each for so long to measure what they waste, instead of an estimate.
    """
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    return {
        "databases": {alias: _database(alias, largest, exact_seconds) for alias in aliases},
        "archives": get_archival_stats(using),
    }


def _database(alias: str, largest: int, exact_seconds: float | None) -> dict[str, Any]:
    backend = get_backend(alias)
    state = database_state(alias, exact_seconds=exact_seconds)
    growths = {table.condition.table: table.growth for table in state.tables}

    def grown(name: str) -> dict[str, Any] | None:
        found = growths.get(name)
        return None if found is None else found.as_dict()

    return {
        "alias": alias,
        "engine": backend.features.name,
        "bytes": state.bytes,
        "growth": None if state.growth is None else state.growth.as_dict(),
        "largest": [
            {**asdict(size), "growth": grown(size.name)}
            for size in backend.statistics.largest(largest)
        ],
        "indexes": [index.as_dict() for index in state.indexes[:largest]],
        "tables": [table.as_dict() for table in state.tables],
        "autovacuum": state.autovacuum,
        "left_out": list(state.left_out),
    }


def size_snapshots(using: str | None = None) -> dict[str, TakenSizes]:
    """Keep the sizes of each database that have changed since the last look.

    ``using`` None: all databases that dbhealth supports and writes to.
    """
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    return {alias: snapshot_sizes(alias) for alias in aliases}


def archive_snapshots(using: str | None = None) -> dict[str, TakenArchives]:
    """Keep the figures of the archives of each database, for the pages of the admin.

    ``using`` None: all databases that dbhealth supports and writes to.
    """
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    return {alias: snapshot_archives(alias) for alias in aliases}


def index_usages(
    using: str | None = None,
    *,
    tables: Sequence[str] | None = None,
    standbys: Sequence[str] = (),
) -> tuple[list[Usage], dict[str, str]]:
    """Return the usage of the indexes of each database.

    ``using`` None: all databases that dbhealth supports; with ``standbys``, read replicas by
    their aliases, only the default one. With it comes a sentence for each database that could not
    be read, by alias: one that is down does not hide the others. Raises UsageError as
    :func:`index_usage` does.
    """
    if using is None and standbys:
        using = DEFAULT_DB_ALIAS
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    found, failed = _each(aliases, lambda alias: index_usage(alias, tables, standbys=standbys))
    return list(found.values()), failed


def index_snapshots(using: str | None = None) -> tuple[dict[str, Taken], dict[str, str]]:
    """Look at the counters of the indexes of each database, and keep what came to them.

    ``using`` None: all databases that dbhealth supports. Returns what was kept, and a sentence
    for each database where that failed, by alias: one that is down does not hide the others.
    """
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    return _each(aliases, snapshot_indexes)


def _each(aliases: Sequence[str], work: Callable[[str], T]) -> tuple[dict[str, T], dict[str, str]]:
    """Return what ``work`` returns for each database, and a sentence where the database failed."""
    found: dict[str, T] = {}
    failed: dict[str, str] = {}
    for alias in aliases:
        try:
            found[alias] = work(alias)
        except DatabaseError as error:
            failed[alias] = told(error, alias, begun=False)
    return found, failed


def look(alias: str) -> dict[str, str]:
    """Take anew what the admin's pages show of one database: findings, sizes, archives, indexes.

    Returns a sentence for each part that failed, by its name: one that cannot be taken does not
    keep the others from being. After LOOK_SECONDS no further part is begun.
    """
    ends = time.monotonic() + LOOK_SECONDS
    parts: dict[str, Callable[[], Any]] = {
        "findings": lambda: remember(run_checks(alias)),
        "sizes": lambda: size_snapshots(alias),
        "archives": lambda: archive_snapshots(alias),
        "indexes": lambda: snapshot_indexes(alias),
    }
    failed = {}
    for name, take in parts.items():
        if time.monotonic() > ends:
            failed[name] = _(
                "{seconds:.0f} seconds had passed; the commands have the time.",
                seconds=LOOK_SECONDS,
            )
            continue
        try:
            take()
        except (DBHealthError, DatabaseError) as error:
            failed[name] = told(error, alias, begun=False)
    return failed


def searched_by_policies(alias: str) -> Iterator[Search]:
    """Yield the columns by which runs look for rows in a database: to archive, verify, purge them.

    ``index_usage`` asks it, by indexes.searching.register_searches. A policy that its checks find
    wrong is left out; ``manage.py check`` says what is wrong.
    """
    wrong = {problem.obj for problem in policy_problems() if problem.level >= ERROR}
    registered = registry.by_model()
    for archive, _source in archives_in(alias):
        yield _searched_by_run(archive)
        policy = archive.own_policy
        if policy is None or archive.model in wrong:
            continue
        if archive.leaves_alone:
            yield _searched_by_age(archive, registered.get(archive.source, ()))
        if policy.purge_after is not None:
            yield _searched_by_purge(archive)


def _searched_by_age(archive: Archive, others: Iterable[Index]) -> Search:
    return Search(
        table=archive.table,
        column=column(timestamp_field(archive)),
        why=_(
            "Every archive run of {label} counts the rows past their retention by it.",
            label=archive.label,
        ),
        change=addition(archive),
        fixed=fixed_columns(archive),
        partial=partial_indexes(archive, others),
    )


def _searched_by_run(archive: Archive) -> Search:
    label = archive.model._meta.label
    return Search(
        table=archive.archive_table,
        column=column_of(archive.model, archive.model._archive.archive_run),
        why=_("Verifying and restoring a run of {label} finds its rows by it.", label=label),
        change=_("Run manage.py init_indexes: the archive model declares the index."),
        by_value=True,
    )


def _searched_by_purge(archive: Archive) -> Search:
    name, label = archive.model._archive.archived_at, archive.model._meta.label
    return Search(
        table=archive.archive_table,
        column=column_of(archive.model, name),
        why=_("Every purge of {label} looks for rows by it.", label=label),
        change=_(
            "Add {line} to Meta.indexes of {label}.",
            line=line_of_index(archive.model, name),
            label=label,
        ),
    )


def init_all(
    using: str | None = None,
    *,
    tables: Sequence[str] | None = None,
    circumstances: Circumstances | None = None,
) -> dict[str, Any]:
    """Make the indexes agree with the code, vacuum and analyze all tables, and tell the status.

    Takes, returns and raises what ``init_indexes`` does; ``status`` is that of afterwards.
    """
    done = init_indexes(
        using, tables=tables, vacuum=True, analyze=True, circumstances=circumstances
    )
    return {**done, "status": index_status(using, tables=tables)}


_RESUMES: dict[str, Callable[[MaintenanceRun, Circumstances], Any]] = {
    Operation.ARCHIVE: resume_archive,
    Operation.RESTORE: resume_restore,
    Operation.PURGE: resume_purge,
    Operation.INIT_INDEXES: resume_init,
    Operation.VACUUM: resume_vacuum,
}
"""How each verb carries on with a run; it returns what the verb's own command shows."""


def resume_run(alias: str, pk: int, circumstances: Circumstances) -> Any:
    """Carry on with a queued, paused, interrupted or dead run, here and now; return its result.

    A queued run that does not begin, for whatever reason, is ended with it. Raises UsageError for
    an unknown run and IllegalMove for one that has ended or whose verb has no way to carry on.
    """
    run = get_run(alias, pk)
    if run.state not in WORKING:  # the verb itself looks whether a process is alive
        check_move(run.state, State.RUNNING)
    if run.operation not in _RESUMES:
        raise IllegalMove(
            _(
                "Run {pk} stays as it is: {operation} cannot be carried on with.",
                pk=pk,
                operation=run.verb,
            )
        )
    with taking(alias, pk):
        result = _RESUMES[run.operation](run, circumstances)
    if run.state == State.QUEUED:
        # Taken by now, unless a signal came so early that the verb was not even begun.
        told_to_stop = _("Its process was told to stop before it had begun.")
        end_queued(alias, pk, told_to_stop, generation=run.generation)
    return result
