"""Whether tables are still what a plan has looked at, asked inside a batch that has them locked."""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.archive.refusals import rewritten
from dbhealth.backends.base import Catalog
from dbhealth.backends.records import Column
from dbhealth.exceptions import SchemaChanged
from dbhealth.saying import joined
from dbhealth.saying import say as _


def changed_tables(
    catalog: Catalog,
    tables: Sequence[str],
    columns: Sequence[tuple[Column, ...]],
    *,
    left: Sequence[str],
) -> list[str]:
    """Return those of ``tables`` that have other columns by now, are no tables any more, or gone.

    Rows are deleted from those that are ``left``. Raises SchemaChanged for what no plan lets
    through: rules, and foreign keys by which the database would delete or change other rows.
    """
    changed = []
    for table, before, now in zip(tables, columns, catalog.relations(tables), strict=True):
        if now is not None and now.rules:
            refusal = rewritten(table, now.rules)
            raise SchemaChanged(joined((refusal.what, refusal.instead), " "))
        if now is None or not now.is_table or now.columns != before:
            changed.append(table)
    if not changed:
        _ensure_nothing_acts(catalog, left)
    return changed


def _ensure_nothing_acts(catalog: Catalog, tables: Sequence[str]) -> None:
    for table, links in zip(tables, catalog.referencing_each(tables), strict=True):
        if acting := [link.label for link in links if link.on_delete]:
            raise SchemaChanged(
                _(
                    "A foreign key to {table} has come since the tables were looked at, and would "
                    "delete or change rows by itself: {keys}. The last batch was rolled back, and "
                    "nothing more was done. Make it one that refuses (NO ACTION) and call again.",
                    table=table,
                    keys=", ".join(acting),
                )
            )
