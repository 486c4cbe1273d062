"""The page of an action: the plan, the question, and the way to do it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from dbhealth.admin.actions import Action, Plan
from dbhealth.admin.aliases import alias_of
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.places import deed_on
from dbhealth.backends import get_backend
from dbhealth.backends.trouble import Trouble
from dbhealth.exceptions import DBHealthError, OutOfTime, Refused
from dbhealth.saying import words_of

if TYPE_CHECKING:
    from dbhealth.admin.base import HealthAdmin

logger = logging.getLogger("dbhealth.admin")

PLAN_SECONDS = 20.0
"""How long making a plan may take (seconds); a gateway in front waits 30 to 60."""

LOCK_SECONDS = 1.0
"""How long making a plan waits for a lock (seconds)."""

SHOWN = "shown"
"""The field that tells for which options the plan on the page was made."""

SENT = ("_go", "_again")
"""The buttons of the form: boxes that are not ticked are not sent, these are."""

MOST = 200
"""So many rows can be chosen at once: each is named in the page's address."""

_LARGEST = 2**63 - 1
"""No key of a row is larger; the engines take no larger number either."""


def view(page: HealthAdmin, request: HttpRequest, name: str) -> HttpResponse:
    """Show what an action would do (GET), or do it (POST)."""
    action = _action(page, name)
    ensure(request, action.permission)
    alias = alias_of(request)
    objects = _objects(page, request)
    if not objects:
        messages.warning(request, _("It is not there any more."))
        return HttpResponseRedirect(page.list_link(alias))
    data = request.POST if request.method == "POST" else request.GET
    form = _form(action, data)
    is_complete = form is None or form.is_valid()
    options = form.cleaned_data if form is not None and is_complete else {}
    if request.method == "POST" and is_complete and _was_shown(request, options):
        try:
            _ensure_possible(action, objects)
            return HttpResponseRedirect(action.carry_out(page, request, alias, objects, options))
        except DBHealthError as error:
            messages.error(request, words_of(error))
            keys = [obj.pk for obj in objects]
            return HttpResponseRedirect(deed_on(page.admin_site, page.model, name, alias, *keys))
    plans = plans_of(action, request, alias, objects, options) if is_complete else []
    return _asked(page, request, action, objects, form, plans, is_complete=is_complete)


def _was_shown(request: HttpRequest, options: Any) -> bool:
    """Return whether the plan that the user has seen was made for these options."""
    shown = request.POST.get(SHOWN)
    if not shown or shown == _told(options):
        return True
    messages.info(request, _("You have asked for something else: this is the plan for it."))
    return False


def _told(options: Any) -> str:
    """Return the options in a form that can be compared; nothing is read from it."""
    text = repr(sorted((name, str(value)) for name, value in options.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _ensure_possible(action: Action, objects: Sequence[Any]) -> None:
    """Raise DBHealthError where an action has become impossible for one of the rows."""
    for obj in objects:
        if why_not := action.why_not(obj):
            raise DBHealthError(f"{obj}: {why_not}")


def _action(page: HealthAdmin, name: str) -> Action:
    for action in page.deeds:
        if action.name == name:
            return action
    raise Http404(_("There is no such action."))


def _objects(page: HealthAdmin, request: HttpRequest) -> list[Any]:
    keys = (request.POST.getlist("pk") or request.GET.getlist("pk"))[:MOST]
    try:
        wanted = [page.opts.pk.to_python(key) for key in keys]
    except (ValidationError, ValueError) as error:
        raise Http404(_("There is no such row.")) from error
    if any(not -_LARGEST <= key <= _LARGEST for key in wanted if isinstance(key, int)):
        raise Http404(_("There is no such row."))
    return list(page.get_queryset(request).filter(pk__in=wanted))


def _form(action: Action, data: Any) -> forms.Form | None:
    """Return the form as it was filled in; at first as it would be sent if nobody touched it."""
    if action.form_class is None:
        return None
    names = (*action.form_class.base_fields, *SENT)
    if any(name in data for name in names):
        return action.form_class(data)
    fresh = action.form_class()
    initial = {
        name: fresh.get_initial_for_field(field, name) for name, field in fresh.fields.items()
    }
    return action.form_class({name: value for name, value in initial.items() if value is not None})


def plans_of(
    action: Action, request: HttpRequest, alias: str, objects: Sequence[Any], options: Any
) -> list[Plan]:
    """Return the plans, or one that says why there is none: then nothing can be done."""
    bounds = {"lock": LOCK_SECONDS, "seconds": PLAN_SECONDS}
    try:
        with get_backend(alias).executor.looking(**bounds):
            return action.plans(request, alias, objects, options)
    except Refused as refused:
        return [{"refusals": [refusal.as_dict() for refusal in refused.refusals]}]
    except DBHealthError as error:
        if not isinstance(error, OutOfTime):
            return [{"refusals": [{"what": words_of(error)}]}]
        trouble = Trouble.STATEMENT_TIMEOUT
        said = ""
    except DatabaseError as error:
        trouble = get_backend(alias).errors.trouble(error)
        said = str(error).strip().partition("\n")[0]
        logger.warning("The plan of %s could not be made.", action.name, exc_info=error)
    return [{"refusals": [_unplanned(trouble, said if may(request, Permission.SENSITIVE) else "")]}]


def _unplanned(trouble: Trouble, said: str) -> dict[str, str]:
    """Return why there is no plan; ``said`` are the database's own words."""
    if trouble is Trouble.STATEMENT_TIMEOUT:
        what = _("The plan could not be made within %d seconds.") % PLAN_SECONDS
        instead = _("Ask for it on the command line, where it may take longer, or later.")
    elif trouble is Trouble.LOCK_TIMEOUT:
        what = _("The plan could not be made: somebody holds a lock on a table that it is about.")
        instead = _("Ask for it again in a moment.")
    else:
        what = _("The plan could not be made: the database refused to answer.")
        instead = _("The log has the reason; the command line says it, too.")
    return {"what": what, "why": said, "instead": instead}


def _asked(
    page: HealthAdmin,
    request: HttpRequest,
    action: Action,
    objects: Sequence[Any],
    form: forms.Form | None,
    plans: Sequence[Plan],
    *,
    is_complete: bool,
) -> HttpResponse:
    alias = alias_of(request)
    refused = any(plan.get("refusals") for plan in plans)
    context = {
        **page.page_context(request),
        "title": str(action.label),
        "label": action.label,
        "question": action.question(objects),
        "objects": objects,
        "plans": plans,
        "form": form,
        "can_go": is_complete and not refused,
        "hidden": [("pk", obj.pk) for obj in objects],
        "shown": _told(form.cleaned_data) if form is not None and is_complete and plans else "",
        "back_url": page.link(objects[0]) if len(objects) == 1 else page.list_link(alias),
    }
    return TemplateResponse(request, action.plan_template, context)


def buttons(page: HealthAdmin, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
    """Return the actions that the user may do to one row, each with its address.

    One that is not possible now says why, and has none.
    """
    found = []
    for action in page.deeds:
        if not may(request, action.permission):
            continue
        why_not = action.why_not(obj)
        address = deed_on(page.admin_site, page.model, action.name, obj.database, obj.pk)
        found.append(
            {
                "label": action.label,
                "name": action.name,
                "why_not": why_not,
                "url": "" if why_not else address,
            }
        )
    return found


def list_actions(page: HealthAdmin, request: HttpRequest) -> dict[str, tuple[Any, str, str]]:
    """Return the actions for rows that are ticked, as Django's changelist wants them."""
    found = {}
    for action in page.deeds:
        if action.for_many and may(request, action.permission):
            found[action.name] = (_leading_to(action), action.name, str(action.label))
    return found


def _leading_to(action: Action) -> Any:
    def lead(page: HealthAdmin, request: HttpRequest, rows: Any) -> HttpResponse:
        keys = list(rows.values_list("pk", flat=True)[: MOST + 1])
        alias = alias_of(request)
        if len(keys) > MOST:
            said = _("At most %d can be chosen at once: narrow the list by its filters.")
            messages.error(request, said % MOST)
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(deed_on(page.admin_site, page.model, action.name, alias, *keys))

    return lead
