"""The Python function ``purge``: delete for good what the archives need not keep any longer."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial

from django.db import models

from dbhealth.archive.api import check_number
from dbhealth.archive.policy import reaches_a_time
from dbhealth.archive.purge_execute import PurgeRun
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.purge_preview import preview_purge
from dbhealth.archive.purge_results import PurgeResult, PurgeTable, summarize_purge
from dbhealth.archive.registry import Archive, archives_in, chosen
from dbhealth.archive.turn import turn
from dbhealth.exceptions import UsageError
from dbhealth.runs.circumstances import Circumstances


def purge(
    table: str | type[models.Model] | None = None,
    *,
    using: str | None = None,
    older_than: timedelta | None = None,
    dry_run: bool = False,
    batch_size: int | None = None,
    max_rows: int | None = None,
    max_runtime: float | None = None,
    allow_emptying: bool = False,
    allow_share: bool = False,
    allow_clock_skew: bool = False,
) -> PurgeResult:
    """Delete the rows of an archive that it has kept for longer than its ``purge_after``.

    They are gone for ever. ``table`` is a table name, "app.Model" or a model class, of the source
    or of the archive; None purges every archive that has a purge_after. ``older_than`` takes the
    place of that time for one named table. ``using`` is a database alias, by default the one that
    the source is routed to. ``max_rows`` (rows) and ``max_runtime`` (seconds) end the run early;
    the next call goes on.

    Raises UsageError for a table without an archive or a wrong value. A named table that was not
    purged raises as well: Refused with its reasons, or the error that ended the run. Without a
    name every archive gets its turn, and the result says what became of each.
    """
    asked = checked_purge(
        PurgeAsked(
            older_than=older_than,
            batch_size=batch_size,
            max_rows=max_rows,
            max_runtime=max_runtime,
            allow_emptying=allow_emptying,
            allow_share=allow_share,
            allow_clock_skew=allow_clock_skew,
        ),
        named=table is not None,
    )
    if table is None:
        return purge_tables(purgeable(using), asked, dry_run=dry_run)
    name = table if isinstance(table, str) else table._meta.label
    ((archive, alias),) = chosen(name, using)
    if dry_run:
        return purge_tables([(archive, alias)], asked, dry_run=True)
    run = PurgeRun(archive, alias, asked, Circumstances().within(asked.max_runtime))
    run.execute()
    return summarize_purge([run.told], seconds=run.told["seconds"], dry_run=False)


def purgeable(using: str | None = None) -> list[tuple[Archive, str]]:
    """Return the archives with a purge_after, each with its database alias."""
    return [
        (archive, alias)
        for archive, alias in archives_in(using)
        if (policy := archive.model._archive.policy) and policy.purge_after is not None
    ]


def purge_tables(
    tables: list[tuple[Archive, str]],
    asked: PurgeAsked,
    *,
    dry_run: bool = False,
    circumstances: Circumstances | None = None,
) -> PurgeResult:
    """Go through archives, each with its database alias, as the command does."""
    began = time.monotonic()
    around = (circumstances or Circumstances()).within(asked.max_runtime)
    results = [_one(archive, alias, asked, around, dry=dry_run) for archive, alias in tables]
    return summarize_purge(results, seconds=time.monotonic() - began, dry_run=dry_run)


def _one(
    archive: Archive, alias: str, asked: PurgeAsked, circumstances: Circumstances, *, dry: bool
) -> PurgeTable:
    run = PurgeRun(archive, alias, asked, circumstances)
    look = partial(preview_purge, archive, alias, asked) if dry else None
    return turn(run, run.told, look)


def checked_purge(asked: PurgeAsked, *, named: bool) -> PurgeAsked:
    """Return ``asked``; ``named`` tells whether tables are named. Raises UsageError."""
    _check_age(asked.older_than, named=named)
    for name in ("batch_size", "max_rows"):
        check_number(name, getattr(asked, name), int)
    check_number("max_runtime", asked.max_runtime, (int, float))
    return asked


def _check_age(value: object, *, named: bool) -> None:
    if value is None:
        return
    if not isinstance(value, timedelta):
        raise UsageError(f"older_than must be a timedelta, not {value!r}.")
    if not named:
        raise UsageError("How old rows must be can be given for named tables only: name them.")
    # Zero and less is refused table by table, with its reason.
    if not reaches_a_time(value):
        raise UsageError(f"An age of {value.days:,} days reaches back before the year 1.")
