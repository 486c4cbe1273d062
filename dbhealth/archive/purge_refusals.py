"""Why a purge will not start. These rows are gone for ever afterwards, so there are more reasons
than for a move; they sound like those in ``refusals``."""

from __future__ import annotations

from datetime import datetime, timedelta

from dbhealth.exceptions import Refusal
from dbhealth.runs.models import MaintenanceRun
from dbhealth.saying import say as _

ALLOW_SHARE = "--allow-share"
ALLOW_EMPTYING = "--allow-emptying"


def no_purge_after(table: str, model: str) -> Refusal:
    """Nothing says how long the archive keeps its rows."""
    return Refusal(
        code="no-purge-after",
        what=_("The policy of {model} has no purge_after.", model=model),
        why=_("Nothing says which rows of {table} may be deleted for good.", table=table),
        instead=_("Give the policy a purge_after, or say --older-than-days for this one table."),
    )


def too_young(table: str, value: timedelta) -> Refusal:
    """A purge_after of zero or less."""
    return Refusal(
        code="purge-after",
        what=_(
            "Rows of {table} were to be kept for {seconds:.0f} seconds.",
            table=table,
            seconds=value.total_seconds(),
        ),
        why=_(
            "Rows that were archived a moment ago, or are yet to come, would be deleted for good."
        ),
        instead=_("Give a time of more than zero."),
    )


def not_an_archive(what: str) -> Refusal:
    """The archive table is not what its model says; ``what`` says how it differs."""
    return Refusal(
        code="archive-differs",
        what=what,
        why=_("Other rows than those that are meant could be deleted for good."),
        instead=_("Run manage.py makemigrations and migrate, or mend the table by hand."),
    )


def nothing_there(table: str, app: str, alias: str) -> Refusal:
    """The archive table does not exist."""
    return Refusal(
        code="archive-missing",
        what=_(
            "The archive table {table} does not exist in the database {alias!r}.",
            table=table,
            alias=alias,
        ),
        why=_("There is nothing to purge."),
        instead=_(
            "Run manage.py migrate {app} --database {alias}, or name another database.",
            app=app,
            alias=alias,
        ),
    )


def in_use(run: MaintenanceRun) -> Refusal:
    """Another verb is at work on the table."""
    return Refusal(
        code="archive-in-use",
        what=_(
            "Run {pk} ({operation} of {target}) is {state}.",
            pk=run.pk,
            operation=run.verb,
            target=run.target,
            state=run.stands,
        ),
        why=_("It moves rows into or out of this archive, and what may be purged is not settled."),
        instead=_("Wait until it ends, or cancel it."),
    )


def share(table: str, rows: int, total: int, allowed: float) -> Refusal:
    """A larger part of the archive would go than one purge may delete."""
    return Refusal(
        code="share",
        what=_(
            "{rows:,} of the {total:,} rows of {table} would be deleted for good: {share:.1%}, and "
            "DBHEALTH['PURGE_MAX_SHARE'] is {allowed:.1%}.",
            rows=rows,
            total=total,
            table=table,
            share=rows / total,
            allowed=allowed,
        ),
        why=_("A wrong clock or a wrong number of days looks just like this."),
        instead=_("Look at the dry run: the oldest and newest row, and the runs they came with."),
        override=ALLOW_SHARE,
    )


def emptying(table: str, rows: int, cutoff: datetime) -> Refusal:
    """Every row of the archive would go."""
    return Refusal(
        code="purge-emptying",
        what=_(
            "Every row of {table} ({rows:,}) was archived before {cutoff}.",
            table=table,
            rows=rows,
            cutoff=f"{cutoff:%Y-%m-%d %H:%M:%S %Z}",
        ),
        why=_("The archive would be empty, and nothing could bring its rows back."),
        instead=_("Look at the newest rows and at the clock of the database server."),
        override=ALLOW_EMPTYING,
    )
