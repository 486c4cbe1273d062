"""What all pages share: they are changelists of dbhealth's own tables, to be read only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db import Error
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _

from dbhealth.admin import doing, record
from dbhealth.admin.actions import Action
from dbhealth.admin.aliases import DatabaseFilter, alias_of, aliases
from dbhealth.admin.export import as_csv
from dbhealth.admin.format import UNKNOWN
from dbhealth.admin.lists import HealthChangeList
from dbhealth.admin.nav import nav
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.places import list_of, page_of
from dbhealth.backends import get_backend
from dbhealth.exceptions import DBHealthError

logger = logging.getLogger("dbhealth.admin")

LOCK_SECONDS = 1.0
"""How long a page waits for a lock (seconds)."""

PAGE_SECONDS = 5.0
"""How long a page asks a database for all that it shows (seconds)."""


if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:  # only django-stubs' classes take parameters
    Base = admin.ModelAdmin


class HealthAdmin(Base):
    """A page that lists what is kept about one database, with a page for each row.

    Subclasses give ``list_display`` and the like, and ``detail``.
    """

    deeds: ClassVar[Sequence[Action]] = ()
    """What can be done to rows, by those who have the right."""
    change_list_template = "admin/dbhealth/changelist.html"
    detail_template: str = "admin/dbhealth/detail.html"
    as_of_field: ClassVar[str] = ""
    """The field that tells when a row was taken; the newest stands above the list."""
    empty_hint: ClassVar[Any] = ""
    """What to do where the list is empty without a filter."""
    empty_value_display = UNKNOWN
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css: ClassVar = {"all": ("dbhealth/dbhealth.css",)}

    # Rights

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user sees the pages."""
        return may(request, Permission.VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the menu has the pages."""
        return may(request, Permission.VIEW)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return that nobody adds rows by hand."""
        return False

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission

    # The list

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Return whether an address may filter by a field: by those that the list offers only.

        Django lets an address ask for every field, also what the pages show to some people only.
        """
        offered = {getattr(each, "parameter_name", each) for each in self.get_list_filter(request)}
        return lookup in offered or lookup.partition("__")[0] in {"pk", *offered}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the database that the page is about."""
        alias = alias_of(request)
        rows: QuerySet[Any] = self.model._default_manager.using(alias).filter(database=alias)
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Return the filters, that of the database first."""
        return [DatabaseFilter, *super().get_list_filter(request)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the changelist whose links name the database."""
        return HealthChangeList

    def changelist_view(  # type: ignore[override]  # a download is no HttpResponse
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponseBase:
        """Return the list, or with ``?export=csv`` all rows of it as a file."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)  # says so as Django does
        if request.GET.get("export") == "csv":
            return self._export(request)
        return self.bounded(request, lambda: self._changelist(request, extra_context or {}))

    def _changelist(self, request: HttpRequest, extra: Mapping[str, Any]) -> HttpResponseBase:
        context = {**self.page_context(request), **self.list_context(request), **extra}
        context["title"] = self.opts.verbose_name_plural.capitalize()  # type: ignore[union-attr]
        return super().changelist_view(request, context)

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what stands above the list."""
        query = request.GET.copy()
        query["export"] = "csv"
        return {
            "as_of": self.newest(request),
            "empty_hint": self.empty_hint,
            "export_url": f"?{query.urlencode()}",
        }

    def newest(self, request: HttpRequest) -> Any:
        """Return when the newest row of the list was taken, None where nothing was."""
        if not self.as_of_field:
            return None
        rows = self.get_queryset(request).order_by(f"-{self.as_of_field}")
        return rows.values_list(self.as_of_field, flat=True).first()

    def _export(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET.copy()
        del asked["export"]
        request.GET = asked  # type: ignore[assignment]
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Http404(_("There is no such filter.")) from error
        return as_csv(changelist, self, self.opts.model_name or "")

    # One row

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Return the page of one row. There is no form on it."""
        if not self.has_view_permission(request):
            return super().change_view(request, object_id, form_url, extra_context)
        return self.bounded(request, lambda: self._detail(request, unquote(object_id)))  # type: ignore[return-value]

    def _detail(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        obj = self.get_object(request, object_id)
        if obj is None:
            messages.warning(request, _("It is not there any more."))
            return HttpResponseRedirect(self.list_link(alias_of(request)))
        context = {
            **self.page_context(request),
            "title": str(obj),
            "object": obj,
            "buttons": doing.buttons(self, request, obj),
            **self.detail(request, obj),
        }
        return TemplateResponse(request, self.detail_template, context)

    def detail(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the page of one row shows."""
        return {}

    # Actions

    def get_urls(self) -> list[Any]:
        """Return the pages, that of actions included."""
        own = path(
            "do/<slug:name>/",
            self.admin_site.admin_view(self.do_view),
            name=f"dbhealth_{self.opts.model_name}_do",
        )
        return [own, *super().get_urls()]

    def do_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show what an action would do, or do it."""
        if request.method == "POST":
            return doing.view(self, request, name)
        return self.told(request, lambda: doing.view(self, request, name))  # type: ignore[return-value]

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Return what can be done to the rows that are ticked; a row's own page has buttons."""
        return doing.list_actions(self, request)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Return what people have done to a row, by Django's own log."""
        ensure(request, Permission.VIEW)  # Django's looks for the row first
        view = super().history_view
        return self.bounded(request, lambda: view(request, object_id, extra_context))  # type: ignore[return-value]

    # What pages share

    def page_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page needs."""
        alias = alias_of(request)
        request.current_app = self.admin_site.name
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "alias": alias,
            "several": len(aliases()) > 1,
            "list_url": self.list_link(alias),
            "nav": nav(self.admin_site, alias, self.model),
            "sensitive": may(request, Permission.SENSITIVE),
        }

    def bounded(
        self, request: HttpRequest, view: Callable[[], HttpResponseBase]
    ) -> HttpResponseBase:
        """Return a page whose every look at the database is bounded, and that writes nothing.

        Where the database does not answer in time or not at all, a page that says so.
        """

        def look() -> HttpResponseBase:
            looking = get_backend(alias_of(request)).executor.looking
            with looking(lock=LOCK_SECONDS, seconds=PAGE_SECONDS):
                response = view()
                if isinstance(response, TemplateResponse):
                    response.render()
            return response

        return self.told(request, look)

    def told(self, request: HttpRequest, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """Return a page, or one that says so where the database does not answer."""
        try:
            return view()
        except (Error, DBHealthError) as error:
            logger.warning("A page of %s could not be made.", self.opts.label, exc_info=error)
            return self._unavailable(request, error)

    def _unavailable(self, request: HttpRequest, error: Exception) -> HttpResponse:
        first_line = str(error).strip().partition("\n")[0]
        context = {
            **self.page_context(request),
            "title": self.opts.verbose_name_plural.capitalize(),  # type: ignore[union-attr]
            "reason": first_line if may(request, Permission.SENSITIVE) else "",
        }
        response = TemplateResponse(request, "admin/dbhealth/unavailable.html", context, status=503)
        return response.render()

    def link(self, obj: Any, page: str = "change") -> str:
        """Return the address of a page of one row."""
        return page_of(self.admin_site, obj, page)

    def list_link(self, alias: str, **filters: Any) -> str:
        """Return the address of the list of one database."""
        return list_of(self.admin_site, self.model, alias, **filters)

    def log(self, request: HttpRequest, obj: Any, message: str) -> None:
        """Put into Django's own log what a user has done."""
        record.log(request, obj, message)
