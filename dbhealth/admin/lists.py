"""What Django's changelist does otherwise here."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest

from dbhealth.admin.aliases import PARAMETER


class HealthChangeList(ChangeList):
    """A changelist whose links name the database, which is no filter: one is always chosen."""

    def get_filters(self, request: HttpRequest) -> Any:
        """Return the filters as Django does, active where one is but that of the database."""
        *found, _is_active = super().get_filters(request)
        return (*found, bool(self.get_filters_params().keys() - {PARAMETER}))

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Return the rows, and keep the database where all filters are cleared."""
        rows = super().get_queryset(request, exclude_parameters)
        chosen = self.get_filters_params().keys() - {PARAMETER}
        self.clear_all_filters_qs = self.get_query_string(remove=list(chosen))
        return rows

    def url_for_result(self, result: Model) -> str:
        """Return the address of one row's page."""
        return self.model_admin.link(result)  # type: ignore[no-any-return, attr-defined]


def chosen(changelist: ChangeList) -> list[str]:
    """Return what the filters that are active have chosen, as they say it."""
    active = changelist.get_filters_params().keys() - {PARAMETER}
    return [
        str(choice["display"])
        for spec in changelist.filter_specs
        if active.intersection(spec.expected_parameters())
        for choice in spec.choices(changelist)
        if choice["selected"]
    ]
