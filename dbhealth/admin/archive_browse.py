"""The rows of any archive, below its page: no model has to be registered for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from dbhealth.admin.aliases import PARAMETER
from dbhealth.admin.archive_filters import chosen_run
from dbhealth.admin.archive_page import restore_address
from dbhealth.admin.archive_rows import ArchiveAdmin
from dbhealth.admin.permissions import Permission, may
from dbhealth.archive.registry import Archive
from dbhealth.models import MaintenanceRun, TrackedArchive

if TYPE_CHECKING:
    from dbhealth.admin.base import HealthAdmin


class _Database(admin.SimpleListFilter):
    """Takes the database out of the address; it is that of the archive."""

    title = parameter_name = PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one database."""
        return [(model_admin.alias, model_admin.alias)]

    def has_output(self) -> bool:
        """Return that there is nothing to choose."""
        return False

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the rows as they are."""
        return queryset


class RowsChangeList(ChangeList):
    """A list whose rows lead to pages below it."""

    def url_for_result(self, result: Model) -> str:
        """Return the address of one row's page."""
        page: Any = self.model_admin
        return f"{quote(result.pk)}/?{urlencode({PARAMETER: page.alias})}"


class RowsAdmin(ArchiveAdmin):
    """The rows of the archive that one row of the list of archives is about."""

    change_form_template = "admin/dbhealth/archived_row.html"

    def __init__(self, model: type[Model], page: HealthAdmin, row: TrackedArchive) -> None:
        """Take the archive model, the page below which its rows stand, and its figures."""
        super().__init__(model, page.admin_site)
        self.page, self.row = page, row

    @property
    def alias(self) -> str:
        """The database whose rows are shown."""
        return self.row.database

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list whose links stay below the archive's page."""
        return RowsChangeList

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters, and what takes the database out of the address."""
        return [_Database, *super().get_list_filter(request)]

    def context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the pages of rows need beside Django's own."""
        context = self.page.page_context(request)
        for name in ("opts", "media"):
            del context[name]
        run = chosen_run(request)
        return {
            **context,
            "archive": self.row,
            "archive_url": self.page.link(self.row),
            "rows_url": self.page.link(self.row, "rows"),
            "archives_title": self.page.opts.verbose_name_plural,
            "restore_url": self._restore_url(request, run) if run else "",
            "run": run,
        }

    def _restore_url(self, request: HttpRequest, run: int) -> str:
        """Return the address at which the whole run can be brought back by who may do that."""
        if not may(request, Permission.RESTORE):
            return ""
        found = MaintenanceRun.objects.using(self.alias).filter(pk=run, database=self.alias).first()
        return restore_address(self.admin_site, found) if found else ""


def may_read(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether the user may see what archived rows hold."""
    own = f"{model._meta.app_label}.view_{model._meta.model_name}"
    return may(request, Permission.SENSITIVE) or request.user.has_perm(own)


def rows_view(
    page: HealthAdmin, request: HttpRequest, row: TrackedArchive, archive: Archive, key: str
) -> HttpResponseBase:
    """Return the list of archived rows, or the page of one of them.

    Raises PermissionDenied for who may not see what rows hold.
    """
    rows = RowsAdmin(archive.model, page, row)
    if not rows.has_view_permission(request):
        raise PermissionDenied
    title = _("Rows of %s") % row.archive_table

    def view() -> HttpResponseBase:
        context = {**rows.context(request), "title": title}
        if key:
            return rows.change_view(request, key, extra_context=context)
        answer: HttpResponseBase = rows.changelist_view(request, context)
        return answer

    # What is restored is written: only a look is bounded.
    return view() if request.method == "POST" else page.bounded(request, view)
