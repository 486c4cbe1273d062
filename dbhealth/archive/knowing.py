"""A look at many archives that reads the catalogue of their database once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dbhealth.archive.family import members_of
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.backends.known import KnownCatalog
from dbhealth.runs.models import MaintenanceRun


def knowing(backend: Backend, archives: Iterable[Archive]) -> Backend:
    """Return the backend with what its database has of the archives, and of what leaves with them.

    Two statements, however many archives there are (PostgreSQL). For a look, and for no run: what
    happens to the tables afterwards it does not see.
    """
    members = [member for archive in archives for member in members_of(archive)]
    sources = [member.table for member in members]
    tables = [
        *sources,
        *(member.archive_table for member in members),
        MaintenanceRun._meta.db_table,
    ]
    return replace(backend, catalog=KnownCatalog(backend.catalog, tables, sources))
