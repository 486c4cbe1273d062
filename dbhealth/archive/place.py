"""Where the tables of an archive lie: whatever the verb, it needs both and the run log together."""

from __future__ import annotations

from dbhealth.archive import refusals
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.exceptions import Refusal
from dbhealth.runs.models import MaintenanceRun


def attached_refusals(table: str, backend: Backend) -> tuple[Refusal, ...]:
    """Return the refusal of a table in an attached file, of which nothing else can be said."""
    if '"."' in table and not backend.features.has_schemas:
        return (refusals.schema_of_another_file(table),)
    return ()


def place_refusals(archive: Archive, backend: Backend) -> list[Refusal]:
    """Return what is wrong with where the tables and the run log are."""
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
    return found
