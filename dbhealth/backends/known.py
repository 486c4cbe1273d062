"""A catalogue that is asked for each thing once: for looks that many tables have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dbhealth.backends.base import Catalog
from dbhealth.backends.records import Column, ForeignKey, Relation


class KnownCatalog:
    """What a catalogue says of some tables, read at once, and of others when they are asked for.

    It says the same for ever: keep it for the time of one look only, and for no run.
    """

    def __init__(self, catalog: Catalog, tables: Iterable[str], targets: Iterable[str]) -> None:
        """Read what ``tables`` are, and what points at ``targets``."""
        self._catalog = catalog
        names, others = tuple(dict.fromkeys(tables)), tuple(dict.fromkeys(targets))
        self._relations = dict(zip(names, catalog.relations(names), strict=True))
        self._referencing = dict(zip(others, catalog.referencing_each(others), strict=True))
        self._tables: tuple[str, ...] | None = None

    def relation(self, table: str) -> Relation | None:
        """Return the relation that Django calls ``table``, or None where there is none."""
        if table not in self._relations:
            self._relations[table] = self._catalog.relation(table)
        return self._relations[table]

    def relations(self, tables: Sequence[str]) -> tuple[Relation | None, ...]:
        """Return each of several relations, as :meth:`relation` does."""
        return tuple(self.relation(table) for table in tables)

    def columns(self, table: str) -> tuple[Column, ...]:
        """Return the columns of a table in their order, none where there is no such table."""
        relation = self.relation(table)
        return relation.columns if relation else ()

    def referencing(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of any table, in models or not, that point at ``table``."""
        if table not in self._referencing:
            self._referencing[table] = self._catalog.referencing(table)
        return self._referencing[table]

    def referencing_each(self, tables: Sequence[str]) -> tuple[tuple[ForeignKey, ...], ...]:
        """Return what points at each of several tables, as :meth:`referencing` does."""
        return tuple(self.referencing(table) for table in tables)

    def tables(self) -> tuple[str, ...]:
        """Return the names of all ordinary tables that a query can name as they are."""
        if self._tables is None:
            self._tables = self._catalog.tables()
        return self._tables
