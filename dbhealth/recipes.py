"""The few sequences that cross topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from django.db import connections

from dbhealth.archive.purge_resume import resume_purge
from dbhealth.archive.restore_resume import resume_restore
from dbhealth.archive.resume import resume_archive
from dbhealth.archive.stats import get_archival_stats
from dbhealth.backends import get_backend, is_supported
from dbhealth.exceptions import IllegalMove
from dbhealth.indexes.build import index_status, init_indexes, resume_init
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import get_run
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import WORKING, State, check_move


def database_stats(using: str | None = None, *, largest: int = 10) -> dict[str, Any]:
    """Return the sizes of the databases and the figures of all tables with a policy.

    ``using`` None: all databases that dbhealth supports. Sizes are bytes.
    """
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    return {
        "databases": {alias: _database(alias, largest) for alias in aliases},
        "archives": get_archival_stats(using),
    }


def _database(alias: str, largest: int) -> dict[str, Any]:
    backend = get_backend(alias)
    return {
        "alias": alias,
        "engine": backend.features.name,
        "bytes": backend.statistics.database_bytes(),
        "largest": [asdict(size) for size in backend.statistics.largest(largest)],
    }


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
}
"""How each verb carries on with a run; it returns what the verb's own command shows."""


def resume_run(alias: str, pk: int, circumstances: Circumstances) -> Any:
    """Carry on with a paused, interrupted or dead run, here and now, and return its result.

    Raises UsageError for an unknown run and IllegalMove for one that has ended
    or whose verb has no way to carry on.
    """
    run = get_run(alias, pk)
    if run.state not in WORKING:  # the verb itself looks whether a process is alive
        check_move(run.state, State.RUNNING)
    if run.operation not in _RESUMES:
        raise IllegalMove(f"Run {pk} stays as it is: {run.operation} cannot be carried on with.")
    return _RESUMES[run.operation](run, circumstances)
