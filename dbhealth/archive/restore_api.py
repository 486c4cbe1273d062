"""The Python function: bring archived rows back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from dbhealth.archive.api import check_number
from dbhealth.archive.registry import find
from dbhealth.archive.restore_results import RestoreResult
from dbhealth.archive.restore_tables import Chosen, Restoring, tables_of_run
from dbhealth.archive.restore_wanted import Wanted, parse_keys
from dbhealth.backends import check_alias
from dbhealth.exceptions import Refused, UsageError
from dbhealth.runs.circumstances import Circumstances


def restore(
    table: str | type[models.Model] | None = None,
    *,
    using: str | None = None,
    run: int | None = None,
    keys: Sequence[Any] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    where: Q | None = None,
    dry_run: bool = False,
    skip_conflicts: bool = False,
    batch_size: int | None = None,
    max_rows: int | None = None,
    max_runtime: float | None = None,
) -> RestoreResult:
    """Bring archived rows back into the table they came from, as they were.

    ``table`` is a table name, "app.Model" or a model class; None, with ``run``, restores every
    table that this run has archived rows of, parents first. Which rows: those of the ``run`` that
    archived them, with these primary ``keys`` (tuples for a composite key), archived ``since``
    (inclusive) and ``until`` (exclusive), and ``where`` (a Q on the archive model). All that is
    given must hold, and at least one must be given.

    Nothing comes back while any of the rows is in conflict, unless ``skip_conflicts``: then those
    rows stay in the archive. ``max_rows`` (rows of each table) and ``max_runtime`` (seconds, all
    tables) end it early; the same call goes on.

    Raises UsageError for a call that makes no sense, Refused with its reasons when nothing may
    begin, and the error that ended a run otherwise. A dry run does not raise for conflicts.
    """
    wanted = Wanted(
        run=run,
        keys=None if keys is None else tuple(keys),
        since=since,
        until=until,
        where=where,
        skip_conflicts=skip_conflicts,
        batch_size=batch_size,
        max_rows=max_rows,
        max_runtime=max_runtime,
    )
    names = [] if table is None else [table]
    work = prepared(names, using, wanted, Circumstances())
    if dry_run:
        return work.look()
    result = work.execute()
    refused = [error for error in work.errors if isinstance(error, Refused)]
    if refused:
        raise Refused([refusal for error in refused for refusal in error.refusals])
    if work.errors:
        raise work.errors[0]
    return result


def prepared(
    names: Sequence[str | type[models.Model]],
    using: str | None,
    wanted: Wanted,
    circumstances: Circumstances,
) -> Restoring:
    """Return the work on the named tables, on all tables of the run where none is named.

    Raises UsageError for a call that makes no sense.
    """
    _check(wanted)
    if using is not None:
        check_alias(using)
    chosen = _chosen(names, using, wanted)
    if wanted.keys is not None:
        if len(chosen) != 1:
            raise UsageError("Keys are those of one table; name that table, and no other.")
        keys = parse_keys(chosen[0][0], wanted.keys)
        wanted = Wanted(**{**vars(wanted), "keys": keys})
    if wanted.where and not names:
        raise UsageError("where is a condition on one table's archive; name that table.")
    return Restoring(chosen, wanted, circumstances)


def _chosen(names: Sequence[str | type[models.Model]], using: str | None, wanted: Wanted) -> Chosen:
    if names:
        found = {archive.table: archive for archive in map(find, names)}
        return [(archive, using or archive.alias) for archive in found.values()]
    if wanted.run is None:
        raise UsageError("Name a table, or a run, all tables of which are then restored.")
    return tables_of_run(wanted.run, using)


def _check(wanted: Wanted) -> None:
    if not wanted.chooses:
        raise UsageError(
            "Say which rows are to come back: by the run that archived them, by key, by the time "
            "they were archived (since, until) or by where. A whole archive is not restored by "
            "accident."
        )
    if wanted.since and wanted.until and not wanted.since < wanted.until:
        raise UsageError("since must lie before until.")
    for name in ("run", "batch_size", "max_rows"):
        check_number(name, getattr(wanted, name), int)
    check_number("max_runtime", wanted.max_runtime, (int, float))
    if wanted.where is not None and not isinstance(wanted.where, Q):
        raise UsageError(f"where must be a Q, not {wanted.where!r}.")
