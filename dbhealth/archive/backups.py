"""The check of backups, A006: how old the newest one is, where a project says how to tell."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils.module_loading import import_string

from dbhealth.clock import aware
from dbhealth.conf import get_settings
from dbhealth.exceptions import ConfigurationError
from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration
from dbhealth.saying import say as _


@register("dbhealth.A006", title="The newest backup is too old")
def backups(context: Context) -> Iterator[Finding]:
    """Compare the time of the newest backup with the threshold; nobody asks where none is set."""
    source = get_settings().backups.get(context.alias)
    bound = context.thresholds.optional("backup_age")
    if not source or bound is None:
        return
    # Both are the clock of this host: that of the files, and not the database's.
    newest, now = newest_backup(source), datetime.now(tz=UTC)
    age = None if newest is None else (now - newest).total_seconds()
    if age is not None and age <= bound * 3600:
        return
    yield context.finding(
        Level.ERROR,
        _("There is no backup ({source}).", source=source)
        if age is None
        else _("The newest backup is {age} old.", age=duration(age)),
        value=None if age is None else age / 3600,
        threshold=bound,
        unit="hours",
        reasons=(_("As DBHEALTH['BACKUPS'] tells: {source}.", source=source),),
        why=_(
            "Whatever has been written since is lost with the disk, or with one wrong statement."
        ),
        instead=_(
            "See why the job that makes them has not run, and restore one to know it is whole."
        ),
    )


def newest_backup(source: str) -> datetime | None:
    """Return when the newest backup was made (aware), None where there is none.

    ``source`` is a path, absolute and with ``*`` where one likes, of files that each are a backup;
    or the dotted path of a function that returns the time (None: there is none). Raises
    ConfigurationError where that is no time.
    """
    if os.path.isabs(source):
        times = [os.path.getmtime(path) for path in glob.iglob(source, recursive=True)]
        return datetime.fromtimestamp(max(times), tz=UTC) if times else None
    try:
        told = import_string(source)()
    except ImportError as error:
        raise ConfigurationError(
            f"DBHEALTH['BACKUPS'] has {source!r}, which is no absolute path and no function: "
            f"{error}."
        ) from error
    if told is None:
        return None
    if not isinstance(told, datetime):
        raise ConfigurationError(
            f"{source} returned {told!r}: it has to return a datetime, or None where there is no "
            "backup."
        )
    return aware(told)
