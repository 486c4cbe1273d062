"""Which database a page is about: ``?database=``, checked against the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.backends import is_supported

PARAMETER = "database"


def aliases() -> list[str]:
    """Return the databases that have pages; asks none of them."""
    return [alias for alias in connections if is_supported(alias)]


def alias_of(request: HttpRequest) -> str:
    """Return the database that a request is about: the default one where it names none.

    Raises Http404 for a name that DATABASES lacks or whose engine dbhealth does not know.
    """
    known = aliases()
    asked = request.POST.get(PARAMETER) or request.GET.get(PARAMETER)
    if not asked:
        asked = DEFAULT_DB_ALIAS if DEFAULT_DB_ALIAS in known or not known else known[0]
    if asked not in known:
        raise Http404(_("There is no page for the database “%s”.") % asked)
    return asked


class DatabaseFilter(admin.SimpleListFilter):
    """Chooses the database; one is always chosen. Hidden where a project has one only."""

    title = gettext_lazy("database")
    parameter_name = PARAMETER

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        """Take the database that the page is about."""
        super().__init__(request, params, model, model_admin)
        self._chosen = alias_of(request)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the databases."""
        return [(alias, alias) for alias in aliases()]

    def has_output(self) -> bool:
        """Return whether there is anything to choose."""
        return len(self.lookup_choices) > 1

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the databases without "All": each has tables of its own."""
        for alias, title in self.lookup_choices:
            yield {
                "selected": alias == self._chosen,
                "query_string": changelist.get_query_string({PARAMETER: alias}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows as they are: the page has asked the right database already."""
        return queryset

    def get_facet_queryset(self, changelist: Any) -> dict[str, int]:
        """Return nothing: rows of other databases are not counted here."""
        return {}
