"""Whether tables are still what a plan has looked at, asked inside a batch that has them locked."""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.archive.refusals import rewritten
from dbhealth.backends.base import Catalog
from dbhealth.backends.records import Column
from dbhealth.exceptions import SchemaChanged


def changed_tables(
    catalog: Catalog, tables: Sequence[str], columns: Sequence[tuple[Column, ...]]
) -> list[str]:
    """Return those of ``tables`` that have other columns by now, or are gone.

    Raises SchemaChanged for one that has rules: no table with any was let through before the run.
    """
    changed = []
    for table, before, now in zip(tables, columns, catalog.relations(tables), strict=True):
        if now is not None and now.rules:
            refusal = rewritten(table, now.rules)
            raise SchemaChanged(f"{refusal.what} {refusal.instead}")
        if now is None or now.columns != before:
            changed.append(table)
    return changed
