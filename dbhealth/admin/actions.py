"""What a page lets people do: shown as a plan first, then done, with a line in Django's log.

An action is a page of its own: GET shows the plan that would be executed, POST executes it. What
changes tables is queued as a run and executed outside the request.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dbhealth import starting
from dbhealth.admin.permissions import Permission
from dbhealth.admin.places import page_of
from dbhealth.exceptions import ConfigurationError, DBHealthError
from dbhealth.runs import background
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.queue import end_queued
from dbhealth.starting import Asker

if TYPE_CHECKING:
    from dbhealth.admin.base import HealthAdmin

Options = Mapping[str, Any]
"""What the form of an action was given, cleaned."""

Plan = dict[str, Any]
"""One plan as the page shows it: ``title``, ``figures`` (pairs), ``refusals``, ``notes`` and
``statements`` (dicts with purpose, sql, lock). All may be left out."""


class Action(ABC):
    """Something that can be done to one or several rows of a list."""

    name: ClassVar[str]
    """In addresses."""
    label: ClassVar[Any]
    """On the button, an imperative."""
    permission: ClassVar[Permission]
    form_class: ClassVar[type[forms.Form] | None] = None
    for_many: ClassVar[bool] = True
    """Whether the list offers it for the rows that are ticked."""
    plan_template: ClassVar[str] = "admin/dbhealth/confirm.html"

    @abstractmethod
    def question(self, objects: Sequence[Any]) -> str:
        """Return what will be done to what, in a sentence."""

    def why_not(self, obj: Any) -> str:
        """Return why it cannot be done to this row; empty where it can."""
        return ""

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return what would be done, by the verb's own dry run."""
        return []

    @abstractmethod
    def carry_out(
        self,
        page: HealthAdmin,
        request: HttpRequest,
        alias: str,
        objects: Sequence[Any],
        options: Options,
    ) -> str:
        """Do it, and return the address of the page that shows what becomes of it.

        Raises DBHealthError, with a sentence for the user, where it cannot be done.
        """


def all_or_none(orders: Iterable[Callable[[], MaintenanceRun]]) -> list[MaintenanceRun]:
    """Return the queued runs of several orders.

    Where one is refused those before it are ended: what is queued and never started would keep its
    place, and have everybody else refused. Raises what the order raises.
    """
    queued: list[MaintenanceRun] = []
    for order in orders:
        try:
            queued.append(order())
        except DBHealthError as error:
            for run in queued:
                end_queued(run.database, run.pk, _("Asked for together with this: %s") % error)
            raise
    return queued


class RunAction(Action):
    """An action that is a run: queued here, executed by another process."""

    def first(self, runs: Sequence[MaintenanceRun]) -> Sequence[MaintenanceRun]:
        """Return the runs that are started here: all but those that follow another one."""
        return runs

    @abstractmethod
    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Return the queued runs. Raises Refused where one is active already."""

    def carry_out(
        self,
        page: HealthAdmin,
        request: HttpRequest,
        alias: str,
        objects: Sequence[Any],
        options: Options,
    ) -> str:
        """Queue the runs, log them, have them executed, and return the address of the first."""
        asker = starting.Asker(name=request.user.get_username())
        if nobody := background.problem():
            raise ConfigurationError(nobody)
        runs = self.queue(alias, objects, options, asker)
        for run in runs:
            page.log(request, run, f"{self.label}: {self.question(objects)}")
        for run in self.first(runs):
            background.start(run)
        if len(runs) == 1:
            messages.success(request, _("Run %d has been queued.") % runs[0].pk)
        else:
            messages.success(request, _("%d runs have been queued.") % len(runs))
        return page_of(page.admin_site, runs[0])
