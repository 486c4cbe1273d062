"""What stands in the way of restoring: the shape of the tables."""

from __future__ import annotations

from dbhealth.archive import refusals, restore_refusals
from dbhealth.archive.columns import key_columns
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.exceptions import Refusal
from dbhealth.runs.models import MaintenanceRun


def structural_refusals(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return what is wrong with the tables themselves, before any row is looked at."""
    if '"."' in archive.table and not backend.features.has_schemas:
        return (refusals.schema_of_another_file(archive.table),)
    found = []
    if archive.alias == backend.alias != archive.archive_alias:
        found.append(
            refusals.other_database(
                archive.table, archive.alias, archive.archive_table, archive.archive_alias
            )
        )
    if backend.catalog.relation(MaintenanceRun._meta.db_table) is None:
        found.append(refusals.run_log_missing(backend.alias))
    missing = (restore_refusals.source_missing, restore_refusals.archive_missing)
    for table, is_missing in zip((archive.table, archive.archive_table), missing, strict=True):
        relation = backend.catalog.relation(table)
        if relation is None:
            found.append(is_missing(table, backend.alias))
        elif not relation.is_table:
            found.append(refusals.not_a_table(table, relation.kind))
        elif relation.primary_key != (key := key_columns(archive.source)):
            found.append(refusals.key_differs(table, relation.primary_key, key))
    return tuple(found)
