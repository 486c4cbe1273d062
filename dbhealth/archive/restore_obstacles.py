"""What stands in the way of restoring: the shape of the tables."""

from __future__ import annotations

from dbhealth.archive import refusals, restore_refusals
from dbhealth.archive.columns import key_columns
from dbhealth.archive.place import attached_refusals, place_refusals
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.exceptions import Refusal


def structural_refusals(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return what is wrong with the tables themselves, before any row is looked at."""
    if attached := attached_refusals(archive.table, backend):
        return attached
    found = place_refusals(archive, backend)
    missing = (restore_refusals.source_missing, restore_refusals.archive_missing)
    for table, is_missing in zip((archive.table, archive.archive_table), missing, strict=True):
        relation = backend.catalog.relation(table)
        if relation is None:
            found.append(is_missing(table, backend.alias))
        elif not relation.is_table:
            found.append(refusals.not_a_table(table, relation.kind))
        elif relation.primary_key != (key := key_columns(archive.source)):
            found.append(refusals.key_differs(table, relation.primary_key, key))
        elif relation.rules:
            found.append(refusals.rewritten(table, relation.rules))
    return tuple(found)
