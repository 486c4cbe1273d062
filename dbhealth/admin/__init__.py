"""The pages in Django's admin; ``register`` puts them on any AdminSite.

Django's autodiscovery imports this package, and that registers them on the default site.
"""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.db.models import Model

from dbhealth.admin.archive_rows import ArchiveAdmin
from dbhealth.admin.archives import ArchivesAdmin
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.findings import FindingAdmin
from dbhealth.admin.indexes import IndexAdmin
from dbhealth.admin.missing import MissingAdmin
from dbhealth.admin.overview import OverviewAdmin
from dbhealth.admin.runs import RunAdmin
from dbhealth.admin.tables import TableAdmin
from dbhealth.models import (
    DatabaseHealth,
    FindingRecord,
    MaintenanceRun,
    MissingIndex,
    TrackedArchive,
    TrackedIndex,
    TrackedTable,
)

__all__ = ["PAGES", "ArchiveAdmin", "register"]

PAGES: dict[type[Model], type[HealthAdmin]] = {
    DatabaseHealth: OverviewAdmin,
    FindingRecord: FindingAdmin,
    TrackedTable: TableAdmin,
    TrackedIndex: IndexAdmin,
    MissingIndex: MissingAdmin,
    TrackedArchive: ArchivesAdmin,
    MaintenanceRun: RunAdmin,
}
"""The pages in the order in which they stand beside each other, each with the model it lists."""


def register(site: AdminSite) -> None:
    """Put all pages on a site that has none of them yet."""
    for model, page in PAGES.items():
        site.register(model, page)


register(admin.site)
