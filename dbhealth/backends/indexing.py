"""What every engine can tell of the indexes that it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dbhealth.backends.index_records import IndexCatalogue, Shape, Sketch


class Indexes(Protocol):
    """The indexes that the database has, and what it would make of SQL for one."""

    def catalogue(self, tables: Sequence[str] | None = None) -> IndexCatalogue:
        """Return every index of every table, or of the ``tables`` named, by table and name.

        Tables are called as ``Catalog.tables`` calls them, or as they were asked for. Tables that
        are not there are passed over, and those that another session keeps from being read are
        left out and named; whatever is locked, the answer comes within two seconds. The key of a
        SQLite table that is the row's own number is no index.
        """

    def shapes(self, wanted: Sequence[Sketch]) -> tuple[Shape | None, ...]:
        """Return what the engine would make of each sketch; nothing of it is there afterwards.

        None where it cannot tell: there is no such table or column, the table is locked, the
        server takes no writes. Whatever is locked, the answer comes within two seconds.
        """
