"""What stands in the way of a run: the shape of the tables, and rows that point at rows."""

from __future__ import annotations

from dbhealth.archive import refusals
from dbhealth.archive.references import generic_links
from dbhealth.archive.registry import Archive
from dbhealth.archive.selection import key_columns
from dbhealth.backends import Backend
from dbhealth.backends.records import ForeignKey, Relation
from dbhealth.backends.selection import Limits, Selection
from dbhealth.exceptions import Refusal
from dbhealth.runs.models import MaintenanceRun


def structural_refusals(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return what is wrong with the tables themselves, before any row is looked at."""
    if '"."' in archive.table and not backend.features.has_schemas:
        return (refusals.schema_of_another_file(archive.table),)
    found = []
    # Whoever names a database has both tables in it; what the routers say is the default only.
    if archive.alias == backend.alias != archive.archive_alias:
        found.append(
            refusals.other_database(
                archive.table, archive.alias, archive.archive_table, archive.archive_alias
            )
        )
    if backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
        found.append(refusals.run_log_missing(backend.alias))
    source = backend.catalog.relation(archive.table)
    target = backend.catalog.relation(archive.archive_table)
    app = archive.model._meta.app_label
    if source is None:
        found.append(refusals.source_missing(archive.table, backend.alias))
    if target is None:
        found.append(refusals.archive_missing(archive.archive_table, app, backend.alias))
    if source is not None and not source.is_table:
        found.append(refusals.not_a_table(archive.table, source.kind))
    elif source is not None and source.primary_key != key_columns(archive):
        found.append(refusals.key_differs(archive.table, source.primary_key, key_columns(archive)))
    if source is not None and target is not None and (lacking := lacks(source, target)):
        found.append(refusals.archive_behind(archive.table, archive.archive_table, lacking, app))
    return tuple(found)


def lacks(source: Relation, target: Relation) -> list[str]:
    """Return the columns of ``source`` that ``target`` does not have, or has otherwise.

    It is the database's columns that count, not the model's: one that only the database knows
    holds values all the same.
    """
    found = []
    for column in source.columns:
        other = target.column(column.name)
        if other is None:
            found.append(f"{column.name} (missing)")
        elif other.type != column.type:
            found.append(f"{column.name} ({column.type} there, {other.type} in the archive)")
    return found


def pointing_refusals(
    archive: Archive,
    backend: Backend,
    selection: Selection,
    links: tuple[ForeignKey, ...],
    limits: Limits,
) -> tuple[Refusal, ...]:
    """Return a refusal for every relation whose rows would be left pointing at nothing."""
    allowed = set(archive.policy.allow_dangling)
    found = []
    for link in links:
        if link.on_delete:
            found.append(refusals.acting(archive.table, link.label, link.on_delete))
        if link.label in allowed and not link.enforced:
            continue
        if rows := backend.rows.pointing_rows(selection, link, limits):
            found.append(
                refusals.referenced(archive.table, link.label, rows, enforced=link.enforced)
            )
    if len(selection.key) > 1:
        return tuple(found)  # a generic foreign key has no room for a composite key
    for generic in generic_links(archive, backend):
        if generic.label in allowed:
            continue
        if rows := backend.rows.generic_rows(selection, generic, limits):
            found.append(refusals.referenced(archive.table, generic.label, rows, enforced=False))
    return tuple(found)
