"""Why a purge will not start. These rows are gone for ever afterwards, so there are more reasons
than for a move; they sound like those in ``refusals``."""

from __future__ import annotations

from datetime import datetime, timedelta

from dbhealth.exceptions import Refusal
from dbhealth.runs.models import MaintenanceRun

ALLOW_SHARE = "--allow-share"
ALLOW_EMPTYING = "--allow-emptying"


def no_purge_after(table: str, model: str) -> Refusal:
    """Nothing says how long the archive keeps its rows."""
    return Refusal(
        code="no-purge-after",
        what=f"The policy of {model} has no purge_after.",
        why=f"Nothing says which rows of {table} may be deleted for good.",
        instead="Give the policy a purge_after, or say --older-than-days for this one table.",
    )


def too_young(table: str, value: timedelta) -> Refusal:
    """A purge_after of zero or less."""
    return Refusal(
        code="purge-after",
        what=f"Rows of {table} were to be kept for {value.total_seconds():.0f} seconds.",
        why="Rows that were archived a moment ago, or are yet to come, would be deleted for good.",
        instead="Give a time of more than zero.",
    )


def not_an_archive(table: str, reason: str) -> Refusal:
    """The archive table is not what its model says."""
    return Refusal(
        code="archive-differs",
        what=f"{table} {reason}.",
        why="Other rows than those that are meant could be deleted for good.",
        instead="Run manage.py makemigrations and migrate, or mend the table by hand.",
    )


def nothing_there(table: str, app: str, alias: str) -> Refusal:
    """The archive table does not exist."""
    return Refusal(
        code="archive-missing",
        what=f"The archive table {table} does not exist in the database {alias!r}.",
        why="There is nothing to purge.",
        instead=f"Run manage.py migrate {app} --database {alias}, or name another database.",
    )


def in_use(run: MaintenanceRun) -> Refusal:
    """Another verb is at work on the table."""
    return Refusal(
        code="archive-in-use",
        what=f"Run {run.pk} ({run.operation} of {run.target}) is {run.state}.",
        why="It moves rows into or out of this archive, and what may be purged is not settled.",
        instead="Wait until it ends, or cancel it.",
    )


def referenced(table: str, pointing: str, rows: int) -> Refusal:
    """Rows elsewhere point at rows that would go, and the database enforces it."""
    return Refusal(
        code="archive-referenced",
        what=f"{rows:,} rows of {pointing} point at rows of {table} that would be deleted.",
        why="The database enforces this foreign key and would refuse the batch.",
        instead="Delete or change those rows first, or take the constraint away.",
    )


def share(table: str, rows: int, total: int, allowed: float) -> Refusal:
    """A larger part of the archive would go than one purge may delete."""
    return Refusal(
        code="share",
        what=(
            f"{rows:,} of the {total:,} rows of {table} would be deleted for good: "
            f"{rows / total:.1%}, and DBHEALTH['PURGE_MAX_SHARE'] is {allowed:.1%}."
        ),
        why="A wrong clock or a wrong number of days looks just like this.",
        instead="Look at the dry run: the oldest and newest row, and the runs they came with.",
        override=ALLOW_SHARE,
    )


def emptying(table: str, rows: int, cutoff: datetime) -> Refusal:
    """Every row of the archive would go."""
    return Refusal(
        code="purge-emptying",
        what=(
            f"Every row of {table} ({rows:,}) was archived before {cutoff:%Y-%m-%d %H:%M:%S %Z}."
        ),
        why="The archive would be empty, and nothing could bring its rows back.",
        instead="Look at the newest rows and at the clock of the database server.",
        override=ALLOW_EMPTYING,
    )
