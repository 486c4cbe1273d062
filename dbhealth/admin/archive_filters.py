"""What lists of archived rows are narrowed by: when and by which run they came."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.format import number
from dbhealth.archive.family import members_of
from dbhealth.archive.registry import Archive, archives
from dbhealth.clock import aware, kept, now
from dbhealth.models import MaintenanceRun
from dbhealth.runs.models import Operation

MOST_LISTED = 5_000
"""So many rows can be paged through: an archive grows for ever, and counting it reads all of it."""

_RUNS = 20
"""So many runs can be chosen from; any other by its number in the address."""

_DAYS = {"1": gettext_lazy("a day"), "7": gettext_lazy("a week"), "31": gettext_lazy("a month")}
_DAYS["366"] = gettext_lazy("a year")


if TYPE_CHECKING:
    Base = Paginator[Any]
else:  # only django-stubs' classes take parameters
    Base = Paginator


class CappedPaginator(Base):
    """Pages through the first rows, and counts no more than these."""

    @cached_property
    def count(self) -> int:
        """The rows, as far as they are listed."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_LISTED].count())


class ArchivedFilter(admin.SimpleListFilter):
    """Chooses rows by when they came."""

    title = gettext_lazy("archived within")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the times."""
        return list(_DAYS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that came since."""
        if self.value() not in _DAYS:
            return queryset
        since = kept(now() - timedelta(days=int(str(self.value()))))
        name = queryset.model._archive.archived_at
        return queryset.filter(**{f"{name}__gte": since})


class RunFilter(admin.SimpleListFilter):
    """Chooses rows by the run that archived them; an index of the archive serves it."""

    title = gettext_lazy("archived by run")
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the last runs that may have brought rows here."""
        runs = list(_last_runs(Archive(model_admin.model), model_admin.alias))
        found = [(str(run.pk), _name(run)) for run in runs]
        chosen = self.value()
        if chosen and chosen.isdecimal() and chosen not in dict(found):
            found.append((chosen, _("run %s") % chosen))
        return found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the run."""
        chosen = chosen_run(request)
        if chosen is None:
            return queryset
        name = queryset.model._archive.archive_run
        return queryset.filter(**{name: chosen})


def chosen_run(request: HttpRequest) -> int | None:
    """Return the run whose rows the list shows, None for those of all."""
    text = request.GET.get(RunFilter.parameter_name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _last_runs(archive: Archive, alias: str) -> QuerySet[MaintenanceRun]:
    """Return the last runs of the tables with which rows of the archive's source leave."""
    tables = [
        each.table
        for each in archives()
        if any(member.table == archive.table for member in members_of(each))
    ]
    runs = MaintenanceRun.objects.using(alias).filter(
        operation=Operation.ARCHIVE, database=alias, target__in=tables, rows_done__gt=0
    )
    return runs.only("pk", "created_at", "rows_done", "database")[:_RUNS]


def _name(run: MaintenanceRun) -> str:
    day = formats.date_format(timezone.localtime(aware(run.created_at)), "SHORT_DATE_FORMAT")
    names = {"pk": run.pk, "day": day, "rows": number(run.rows_done)}
    return _("%(pk)s of %(day)s (%(rows)s rows)") % names
