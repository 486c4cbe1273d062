"""ArchiveAdmin: archived rows as an ordinary changelist, to be read and to be brought back."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from dbhealth.admin.archive_filters import (
    MOST_LISTED,
    ArchivedFilter,
    CappedPaginator,
    RunFilter,
)
from dbhealth.admin.archive_restore import RestoreRows, restore_chosen
from dbhealth.admin.format import UNKNOWN
from dbhealth.admin.permissions import Permission, may
from dbhealth.admin.places import address_of
from dbhealth.archive.registry import Archive
from dbhealth.models import MaintenanceRun

_COLUMNS = 5
"""So many columns of the source stand in a list that was not told which."""

_LONG = (models.TextField, models.JSONField, models.BinaryField)
"""Fields that are left to the page of a row."""

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:  # only django-stubs' classes take parameters
    Base = admin.ModelAdmin


class ArchiveAdmin(Base):
    """For an archive model that a project registers itself. Only runs bring rows here.

    Rows are read as they are: references are keys, for what they point at may have left as well.
    Who may restore rows finds that among the actions ("restore_rows").
    """

    actions = (RestoreRows.name,)
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False
    search_fields = ("pk",)
    search_help_text = gettext_lazy("The key of a row; several with blanks between them.")
    change_list_template = "admin/dbhealth/archived_rows.html"

    class Media:
        css: ClassVar = {"all": ("dbhealth/dbhealth.css",)}

    def __init__(self, model: type[Model], admin_site: AdminSite) -> None:
        """Take an archive model. Raises TypeError for any other one."""
        if not hasattr(model, "_archive"):
            raise TypeError(f"{model.__name__} is no archive model: ArchiveAdmin is for those.")
        super().__init__(model, admin_site)

    @property
    def archive(self) -> Archive:
        """What the model is the archive of."""
        return Archive(self.model)

    @property
    def alias(self) -> str:
        """The database whose rows are shown."""
        return self.archive.alias

    @property
    def has_one_key(self) -> bool:
        """Whether the primary key is one column; only such rows have pages and can be ticked."""
        return len(self.opts.pk_fields) == 1

    # Rights

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may read archived rows: by the right on the model or on all."""
        own = super().has_view_permission(request, obj)
        return own or may(request, Permission.SENSITIVE)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return that nobody adds rows by hand."""
        return False

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission

    # What is shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return all rows, whatever managers hide."""
        rows: QuerySet[Any] = self.model._base_manager.using(self.alias)
        return rows.order_by(*(self.get_ordering(request) or ("-pk",)))

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns: the key and the first short ones, unless the class says which."""
        if tuple(self.list_display) != ("__str__",):
            return self.list_display
        options = self.model._archive
        keys = [field.attname for field in self.opts.pk_fields]
        own = {options.archived_at, options.archive_run}
        others = [
            field.attname
            for field in self.opts.concrete_fields
            if field.column and field.attname not in keys and field.name not in own
            if not isinstance(field, _LONG)
        ]
        return [*keys, *others[:_COLUMNS], options.archived_at, "archived_by"]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        """Return the column that leads to a row's page: none where keys are composite."""
        found = super().get_list_display_links(request, list_display)
        return found if self.has_one_key else None

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the class's own filters, then when and by which run rows came."""
        return [*super().get_list_filter(request), ArchivedFilter, RunFilter]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every column by its own name, so that no reference is followed."""
        return [field.attname for field in self.opts.concrete_fields if field.column]

    get_readonly_fields = get_fields

    @admin.display(description=gettext_lazy("run"))
    def archived_by(self, row: Any) -> str | SafeString:
        """Return the run that brought a row here, as a link where the site has its page."""
        pk = getattr(row, f"{self.model._archive.archive_run}_id")
        if pk is None:
            return UNKNOWN
        address = address_of(self.admin_site, MaintenanceRun(pk=pk, database=self.alias))
        return format_html('<a href="{}">{}</a>', address, pk) if address else str(pk)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows with these keys, unless the class says what is searched."""
        if tuple(self.search_fields) != ArchiveAdmin.search_fields:
            return super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=list(self._keys(search_term))), False

    def _keys(self, text: str) -> Any:
        """Yield the keys that a text names; what cannot be one is left out."""
        fields = self.opts.pk_fields
        for term in text.replace("\0", "").split():
            parts = [term] if self.has_one_key else next(csv.reader([term]), [])
            if len(parts) != len(fields):
                continue
            try:
                key = tuple(map(_value, fields, parts))
            except ValidationError:
                continue
            yield key[0] if self.has_one_key else key

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Return the list, with how many rows of it can be paged through."""
        context = {"most_listed": MOST_LISTED, **(extra_context or {})}
        return super().changelist_view(request, context)

    # What can be done

    def has_restore_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may bring rows back, and rows can be named at all."""
        return self.has_one_key and may(request, Permission.RESTORE)

    @admin.action(permissions=["restore"], description=RestoreRows.label)
    def restore_rows(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Ask whether the rows that were ticked shall come back, then queue that."""
        return restore_chosen(self, request, rows)


def _value(field: Any, text: str) -> Any:
    """Return what a text says in a field, which its column can hold. Raises ValidationError."""
    while field.is_relation:
        field = field.target_field
    value = field.to_python(text)
    field.run_validators(value)
    return value
