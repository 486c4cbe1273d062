"""What stands in the way of a purge: the shape of the archive table, rows that point at its rows,
and a purge that would delete too much."""

from __future__ import annotations

from datetime import datetime, timedelta

from dbhealth.archive import purge_refusals, refusals
from dbhealth.archive.columns import column_of, key_columns
from dbhealth.archive.place import attached_refusals, place_refusals
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.backends.records import Relation
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _


def structural_refusals(
    archive: Archive, backend: Backend, keeps: timedelta | None
) -> tuple[Refusal, ...]:
    """Return what is wrong with the archive itself, before any row is looked at.

    ``keeps`` is how long its rows stay, None where nothing says it.
    """
    table, app = archive.archive_table, archive.model._meta.app_label
    if attached := attached_refusals(table, backend):
        return attached
    found = []
    if keeps is None:
        found.append(purge_refusals.no_purge_after(table, archive.model._meta.label))
    found += place_refusals(archive, backend)
    relation = backend.catalog.relation(table)
    if relation is None:
        found.append(purge_refusals.nothing_there(table, app, backend.alias))
    elif differs := _differs(archive, relation):
        found.append(purge_refusals.not_an_archive(differs))
    elif relation.rules:
        found.append(refusals.rewritten(table, relation.rules))
    return tuple(found)


def _differs(archive: Archive, relation: Relation) -> str:
    """Say how the table differs from what a purge relies on; empty where it does not."""
    table = archive.archive_table
    if not relation.is_table:
        return _("{table} is a {kind}, not a table.", table=table, kind=relation.kind)
    if relation.primary_key != key_columns(archive.model):
        return _(
            "{table} has the primary key ({found}), its model ({expected}).",
            table=table,
            found=", ".join(relation.primary_key) or _("none"),
            expected=", ".join(key_columns(archive.model)),
        )
    options = archive.model._archive
    own = [column_of(archive.model, name) for name in (options.archived_at, options.archive_run)]
    missing = [name for name in own if relation.column(name) is None]
    if len(missing) > 1:
        return _(
            "{table} has no column {first} and {second}.",
            table=table,
            first=missing[0],
            second=missing[1],
        )
    return _("{table} has no column {column}.", table=table, column=missing[0]) if missing else ""


def size_refusals(
    table: str,
    rows: int,
    total: int,
    cutoff: datetime,
    *,
    allow_share: bool,
    allow_emptying: bool,
) -> tuple[Refusal, ...]:
    """Return the refusals of a purge of ``rows`` out of ``total`` rows that is too large."""
    found, allowed = [], get_settings().purge_max_share
    if not allow_share and rows > allowed * total:
        found.append(purge_refusals.share(table, rows, total, allowed))
    if not allow_emptying and rows >= total:
        found.append(purge_refusals.emptying(table, rows, cutoff))
    return tuple(found)
