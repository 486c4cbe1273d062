"""Bringing back archived rows that were ticked: the conflict report and the plan, then a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dbhealth import starting
from dbhealth.admin import doing
from dbhealth.admin.actions import Options, Plan, RunAction
from dbhealth.admin.archive_deeds import SkipForm
from dbhealth.admin.archive_plans import restore_plans
from dbhealth.admin.nav import nav
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.places import address_of
from dbhealth.admin.record import log
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import DBHealthError
from dbhealth.models import MaintenanceRun, TrackedArchive
from dbhealth.runs import background
from dbhealth.saying import words_of
from dbhealth.starting import Asker

if TYPE_CHECKING:
    from dbhealth.admin.archive_rows import ArchiveAdmin


class RestoreRows(RunAction):
    """Bring back rows of one archive; its objects are their keys."""

    name = "restore_rows"
    label = gettext_lazy("Restore the chosen rows")
    permission = Permission.RESTORE
    form_class = SkipForm

    def __init__(self, archive: Archive) -> None:
        """Take the archive."""
        self.archive = archive

    def question(self, objects: Sequence[Any]) -> str:
        """Return how many rows come back where."""
        said = ngettext(
            "%(rows)d row comes back from %(archive)s to %(table)s, as it was.",
            "%(rows)d rows come back from %(archive)s to %(table)s, as they were.",
            len(objects),
        )
        names = {"archive": self.archive.archive_table, "table": self.archive.table}
        return said % {"rows": len(objects), **names}

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the dry run, with what is in conflict."""
        wanted = _wanted(objects, options)
        sensitive = may(request, Permission.SENSITIVE)
        return restore_plans([self.archive], alias, wanted, sensitive=sensitive)

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue the run."""
        return [starting.restore(alias, self.archive, asker, _wanted(objects, options))]


def _wanted(keys: Sequence[Any], options: Options) -> Wanted:
    return Wanted(keys=tuple(keys), skip_conflicts=options.get("skip_conflicts", False))


def restore_chosen(
    page: ArchiveAdmin, request: HttpRequest, rows: QuerySet[Any]
) -> HttpResponse | None:
    """Ask whether the rows that were ticked shall come back, and queue that when it is answered."""
    ensure(request, Permission.RESTORE)
    keys = [str(key) for key in rows.values_list("pk", flat=True)[: doing.MOST + 1]]
    if len(keys) > doing.MOST:
        said = _("So many rows are restored by run or by time: %d can be ticked at the most.")
        messages.error(request, said % doing.MOST)
        return None
    action = RestoreRows(page.archive)
    form = SkipForm(request.POST)
    form.is_valid()
    if "_go" in request.POST:
        try:
            return _queued(page, request, action, keys, form.cleaned_data)
        except DBHealthError as error:
            messages.error(request, words_of(error))
    plans = doing.plans_of(action, request, page.alias, keys, form.cleaned_data)
    return _asked(page, request, action, keys, form, plans)


def _queued(
    page: ArchiveAdmin,
    request: HttpRequest,
    action: RestoreRows,
    keys: Sequence[str],
    options: Options,
) -> HttpResponse:
    asker = Asker(name=request.user.get_username())
    (run,) = action.queue(page.alias, keys, options, asker)
    log(request, run, f"{action.label}: {action.question(keys)}")
    background.start(run)
    messages.success(request, _("Run %d has been queued.") % run.pk)
    return HttpResponseRedirect(address_of(page.admin_site, run) or request.get_full_path())


def _asked(
    page: ArchiveAdmin,
    request: HttpRequest,
    action: RestoreRows,
    keys: Sequence[str],
    form: SkipForm,
    plans: Sequence[Plan],
) -> HttpResponse:
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "media": page.media,
        "alias": page.alias,
        "nav": nav(page.admin_site, page.alias, TrackedArchive),
        "title": str(action.label),
        "label": action.label,
        "question": action.question(keys),
        "plans": plans,
        "form": form,
        "can_go": not any(plan.get("refusals") for plan in plans),
        "hidden": [("action", action.name), *(("_selected_action", key) for key in keys)],
        "back_url": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/dbhealth/restore_rows.html", context)
