"""What migrations have to do with a difference between the code and the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder

from dbhealth.backends import get_backend
from dbhealth.exceptions import OutOfTime
from dbhealth.indexes.declared import editor_of
from dbhealth.indexes.entries import Entry, Status
from dbhealth.indexes.pending import Migrations, Stand, Standing
from dbhealth.saying import say as _

_OPEN = (Status.MISSING, Status.DIFFERS, Status.RENAMED)
_ADRIFT = (*_OPEN, Status.UNDECLARED)


def judged(alias: str, entries: Sequence[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """Return the entries with what waits for a migration told apart from what is really adrift.

    The migrations are only read when there is something to judge. With them comes the table of
    applied migrations where somebody holds it; then nothing can be told apart.
    """
    if all(entry.status not in _ADRIFT for entry in entries):
        return list(entries), ()
    try:
        migrations = Migrations(alias)
    except (DatabaseError, OutOfTime) as error:
        if isinstance(error, DatabaseError) and not get_backend(alias).errors.trouble(error).passes:
            raise
        return [_unjudged(entry) for entry in entries], (_TABLE,)
    return _told_apart(alias, migrations, entries), ()


_TABLE = MigrationRecorder.Migration._meta.db_table


def _unjudged(entry: Entry) -> Entry:
    if entry.status not in _ADRIFT:
        return entry
    return replace(entry, status=Status.UNJUDGED, why=_UNREAD[entry.status].format(table=_TABLE))


_UNREAD = {
    Status.MISSING: _("It is missing, unless a migration waits: {table} could not be read."),
    Status.DIFFERS: _("It differs, unless a migration waits: {table} could not be read."),
    Status.RENAMED: _("It is renamed, unless a migration waits: {table} could not be read."),
    Status.UNDECLARED: _("It is undeclared, unless a migration waits: {table} could not be read."),
}
_PENDING = {
    Status.MISSING: _("The migration {migration} adds it and is not applied yet."),
    Status.DIFFERS: _("The migration {migration} changes it and is not applied yet."),
    Status.RENAMED: _("The migration {migration} renames it and is not applied yet."),
}
_UNMIGRATED = {
    Status.MISSING: _("No migration adds it yet; makemigrations writes one."),
    Status.DIFFERS: _("No migration changes it yet; makemigrations writes one."),
    Status.RENAMED: _("No migration renames it yet; makemigrations writes one."),
}


def _told_apart(alias: str, migrations: Migrations, entries: Sequence[Entry]) -> list[Entry]:
    asked = [entry.declared for entry in entries if entry.status in _OPEN and entry.declared]
    standings = iter(migrations.standings(asked))
    going = _going(alias, migrations, entries)
    found = []
    for entry in entries:
        if entry.status in _OPEN:
            entry = _coming(entry, next(standings))
        elif entry.status is Status.UNDECLARED and (entry.table, entry.name) in going:
            entry = _leaving(entry, going[entry.table, entry.name])
        found.append(entry)
    return found


def _coming(entry: Entry, standing: Standing) -> Entry:
    if standing.stand is Stand.APPLIED:
        return entry
    if standing.stand is Stand.PENDING:
        why = _PENDING[entry.status].format(migration=standing.migration)
        return replace(entry, status=Status.PENDING, why=why)
    return replace(entry, status=Status.UNMIGRATED, why=_UNMIGRATED[entry.status])


def _going(
    alias: str, migrations: Migrations, entries: Sequence[Entry]
) -> dict[tuple[str, str], Standing]:
    """Return what the applied migrations declare of the indexes that the code does not."""
    tables = {entry.table for entry in entries if entry.status is Status.UNDECLARED}
    return migrations.declared(tables, editor_of(alias)) if tables else {}


def _leaving(entry: Entry, standing: Standing) -> Entry:
    if standing.stand is Stand.PENDING:
        why = _(
            "The migration {migration} removes it and is not applied yet.",
            migration=standing.migration,
        )
        return replace(entry, status=Status.PENDING, why=why)
    why = _("The migrations still declare it, the models do not; makemigrations removes it.")
    return replace(entry, status=Status.UNMIGRATED, why=why)
