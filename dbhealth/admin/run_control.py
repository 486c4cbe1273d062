"""Pause and cancel: what is asked of a run; a process at work obeys after its batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.actions import Action, Options, Plan
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.permissions import Permission
from dbhealth.admin.places import page_of
from dbhealth.admin.run_state import Standing, standing
from dbhealth.backends import get_backend
from dbhealth.runs.control import cancel, pause
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import MOVES, State
from dbhealth.runs.stepped import EVERYTHING


def seen(run: MaintenanceRun) -> Standing:
    """Return how a run stands, by the clock of its database, which is asked once a page."""
    known: Standing | None = vars(run).get("_seen")
    if known is None:
        known = standing(run, get_backend(run.database).session.now())
        vars(run)["_seen"] = known
    return known


def name_of(run: MaintenanceRun) -> str:
    """Return which run it is, for people."""
    what = {"pk": run.pk, "operation": run.get_operation_display(), "target": run.target}
    if run.target == EVERYTHING:
        return _("run %(pk)d (%(operation)s)") % what
    return _("run %(pk)d (%(operation)s of %(target)s)") % what


class Control(Action):
    """What is done to a run that is there. ``why_not`` says when it cannot be."""

    permission = Permission.CONTROL
    for_many = False
    asks: ClassVar[Any]
    """The sentence that is asked, with %(run)s."""
    follows: ClassVar[Any]
    """What follows from it."""
    done: ClassVar[Any]
    """What is said afterwards, with %(run)d."""

    def question(self, objects: Sequence[Any]) -> str:
        """Return what becomes of which run."""
        return str(self.asks) % {"run": ", ".join(map(name_of, objects))}

    def why_not(self, obj: Any) -> str:
        """Return why it cannot be done to this run; empty where it can."""
        return self.obstacle(seen(obj))

    @abstractmethod
    def obstacle(self, at: Standing) -> str:
        """Return the same of a run whose standing is known."""

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return how each run stands and what follows; a refusal where it cannot be done."""
        return [self._plan(request, seen(run)) for run in objects]

    def _plan(self, request: HttpRequest, at: Standing) -> Plan:
        why_not = self.obstacle(at) or self.lacks(request, at.run)
        plan: Plan = {
            "title": name_of(at.run),
            "figures": [(_("State"), at.badge), (_("Rows done"), at.run.rows_done)],
            "notes": [str(self.follows)],
        }
        return {**plan, "refusals": [{"what": why_not}], "notes": []} if why_not else plan

    def lacks(self, request: HttpRequest, run: MaintenanceRun) -> str:
        """Return which further right is missing, in a sentence."""
        return ""

    @abstractmethod
    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Do it and return the run that comes of it. Raises DBHealthError."""

    def carry_out(
        self,
        page: HealthAdmin,
        request: HttpRequest,
        alias: str,
        objects: Sequence[Any],
        options: Options,
    ) -> str:
        """Do it to each run, log it, and return the address of the page of the (last) one."""
        after = objects[0]
        for run in objects:
            after = self.do(request, run)
            page.log(request, after, f"{self.label}: {self.question([run])}")
            messages.success(request, str(self.done) % {"run": after.pk})
        return page_of(page.admin_site, after)


class Pause(Control):
    """Ask a run to pause."""

    name = "pause"
    label = gettext_lazy("Pause")
    asks = gettext_lazy("Pause %(run)s?")
    follows = gettext_lazy(
        "It stops after the batch or step at work and keeps its place. Until somebody resumes or "
        "cancels it, the next run of its kind is refused."
    )
    done = gettext_lazy("Run %(run)d pauses after the batch at work.")

    def obstacle(self, at: Standing) -> str:
        """Return why there is nothing to pause."""
        can = (at.state, State.PAUSING) in MOVES and not at.is_dead
        return "" if can else _("Only a run that is at work can be paused.")

    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Ask for it."""
        return pause(run.database, run.pk)


class Cancel(Control):
    """End a run for good."""

    name = "cancel"
    label = gettext_lazy("Cancel")
    asks = gettext_lazy("Cancel %(run)s?")
    follows = gettext_lazy(
        "It ends after the batch at work. What it has done stays as it is; the next run of its "
        "kind takes the rest."
    )
    done = gettext_lazy("Run %(run)d is cancelled, or will be after the batch at work.")

    def obstacle(self, at: Standing) -> str:
        """Return why there is nothing to cancel."""
        if at.is_dead or at.state is State.INTERRUPTED:
            return ""
        over = at.has_ended or at.state is State.CANCELLING
        return _("It has ended, or was cancelled already.") if over else ""

    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Ask for it."""
        return cancel(run.database, run.pk)
