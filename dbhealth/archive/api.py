"""The Python functions: archive one table, archive all of them."""

from __future__ import annotations

import time
from dataclasses import fields
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import models

from dbhealth.archive.execute import TableRun
from dbhealth.archive.family import leaving_in
from dbhealth.archive.plan import Asked
from dbhealth.archive.policy import reaches_a_time
from dbhealth.archive.preview import preview
from dbhealth.archive.registry import Archive, find
from dbhealth.archive.results import ArchiveResult, TableResult, summarize
from dbhealth.archive.turn import turn
from dbhealth.backends import check_alias
from dbhealth.exceptions import UsageError
from dbhealth.runs.circumstances import Circumstances


def archive_table(
    table: str | type[models.Model],
    *,
    using: str | None = None,
    dry_run: bool = False,
    retention: timedelta | None = None,
    batch_size: int | None = None,
    max_rows: int | None = None,
    max_runtime: float | None = None,
    allow_emptying: bool = False,
    allow_clock_skew: bool = False,
) -> TableResult:
    """Move the rows of one table that are past their retention into its archive.

    ``table`` is a table name, "app.Model" or a model class; ``using`` a database alias, by
    default the one that the source is routed to. ``max_rows`` (rows) and ``max_runtime``
    (seconds) end the run early; the next call goes on.

    Raises UsageError for a table without an archive or a wrong number, Refused with its reasons
    when the run may not begin, and the error that ended the run otherwise.
    """
    archive = find(table)
    if using is not None:
        check_alias(using)
    asked = checked(
        Asked(
            retention=retention,
            batch_size=batch_size,
            max_rows=max_rows,
            max_runtime=max_runtime,
            allow_emptying=allow_emptying,
            allow_clock_skew=allow_clock_skew,
        )
    )
    if dry_run:
        return preview(archive, using or archive.alias, asked)
    circumstances = Circumstances().within(asked.max_runtime)
    return TableRun(archive, using or archive.alias, asked, circumstances).execute()


def archive_all_tables(
    using: str | None = None, dry_run: bool = False, **options: Any
) -> ArchiveResult:
    """Move the rows past their retention of every table that has an archive.

    ``using`` None: each table in the database it is routed to. ``options`` are those of
    :func:`archive_table`. A table that fails or is refused does not keep the others from their
    turn; its entry says why, and ``summary["tables_failed"]`` counts it.

    Raises UsageError for an unknown database, an unknown option or a wrong number.
    """
    known = [field.name for field in fields(Asked)]
    if unknown := sorted(set(options) - set(known)):
        raise UsageError(f"Unknown: {', '.join(unknown)}. Options are {', '.join(known)}.")
    return archive_tables(leaving_in(using), checked(Asked(**options)), dry_run=dry_run)


def archive_tables(
    chosen: list[tuple[Archive, str]],
    asked: Asked,
    *,
    dry_run: bool = False,
    circumstances: Circumstances | None = None,
) -> ArchiveResult:
    """Go through chosen archives, each with its database alias, as the command does."""
    began = time.monotonic()
    around = (circumstances or Circumstances()).within(asked.max_runtime)
    results = [_one(archive, alias, asked, around, dry=dry_run) for archive, alias in chosen]
    return summarize(results, seconds=time.monotonic() - began, dry_run=dry_run)


def _one(
    archive: Archive, alias: str, asked: Asked, circumstances: Circumstances, *, dry: bool
) -> TableResult:
    run = TableRun(archive, alias, asked, circumstances)
    look = partial(preview, archive, alias, asked) if dry else None
    return turn(run, run.result, look)


def checked(asked: Asked) -> Asked:
    """Return ``asked``. Raises UsageError for values that make no sense."""
    _check_retention(asked.retention)
    for name in ("batch_size", "max_rows"):
        check_number(name, getattr(asked, name), int)
    check_number("max_runtime", asked.max_runtime, (int, float))
    return asked


def _check_retention(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, timedelta):
        raise UsageError(f"retention must be a timedelta, not {value!r}.")
    # Zero and less is refused table by table, with its reason.
    if not reaches_a_time(value):
        raise UsageError(f"A retention of {value.days:,} days reaches back before the year 1.")


def check_number(name: str, value: Any, kind: Any) -> None:
    """Raise UsageError unless ``value`` is None or of ``kind`` and more than zero."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, kind):
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(f"{name} must be {wanted}, not {value!r}.")
    # "not >" and not "<=": NaN compares false both ways.
    if not value > 0:
        raise UsageError(f"{name} must be more than zero, not {value}.")
