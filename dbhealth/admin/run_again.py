"""Resume and retry: a run is queued, and another process executes it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth import starting
from dbhealth.admin.actions import Plan
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.run_control import Control
from dbhealth.admin.run_report import options
from dbhealth.admin.run_state import Standing
from dbhealth.archive.resuming import other_span
from dbhealth.exceptions import UsageError
from dbhealth.runs import background
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.states import State

NEW_AGAIN = frozenset({State.FAILED, State.CANCELLED})
"""States of a run that is retried by a new one; any other is carried on with itself."""


def right_of(run: MaintenanceRun) -> Permission:
    """Return the right that beginning such a run anew takes."""
    terms = run.options.get("terms", {})
    if run.operation == Operation.VACUUM:
        if terms.get("analyze_only"):
            return Permission.ANALYZE
        return Permission.REINDEX if terms.get("reindex_only") else Permission.VACUUM
    return {
        Operation.ARCHIVE: Permission.ARCHIVE,
        Operation.RESTORE: Permission.RESTORE,
        Operation.PURGE: Permission.PURGE,
        Operation.INIT_INDEXES: Permission.BUILD,
    }[Operation(run.operation)]


BEYOND = ("full", "allow_emptying", "allow_share", "allow_clock_skew")
"""What is left to the command line: these pages neither ask for it nor repeat it."""


def rights_of(run: MaintenanceRun) -> list[Permission]:
    """Return every right that beginning such a run anew takes, with what follows on it."""
    asked = asked_of(run)
    further = {Permission.REINDEX: asked.get("reindex"), Permission.VACUUM: asked.get("vacuum")}
    return [right_of(run), *(right for right, is_asked in further.items() if is_asked)]


def asked_of(run: MaintenanceRun) -> dict[str, Any]:
    """Return everything that was asked of a run, by name."""
    return {**run.options.get("terms", {}), **run.options}


class Again(Control):
    """What queues a run and has another process execute it."""

    @abstractmethod
    def queue(self, run: MaintenanceRun, asker: starting.Asker) -> MaintenanceRun:
        """Return the queued run. Raises IllegalMove where it has changed since it was read."""

    def _plan(self, request: HttpRequest, at: Standing) -> Plan:
        """Return the plan of any wish, with the options that the run goes on with."""
        plan = super()._plan(request, at)
        told = options(at.run, sensitive=may(request, Permission.SENSITIVE))
        return {**plan, "figures": [*plan["figures"], *told]}

    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Queue it and have it executed."""
        asker = starting.Asker(name=request.user.get_username())
        queued = self.queue(run, asker)
        background.start(queued)
        return queued


class Resume(Again):
    """Carry on with a run that was paused, or that nobody has taken."""

    name = "resume"
    label = gettext_lazy("Resume")
    asks = gettext_lazy("Resume %(run)s?")
    follows = gettext_lazy(
        "Another process carries on where it stands: under the run's own options, behind its last "
        "row, within the bounds that it was given."
    )
    done = gettext_lazy("Run %(run)d has been queued to be carried on with.")

    def queue(self, run: MaintenanceRun, asker: starting.Asker) -> MaintenanceRun:
        """Queue the run itself."""
        return starting.carry_on(run.database, run.pk, asker)

    def obstacle(self, at: Standing) -> str:
        """Return why it is not to be resumed."""
        can = at.state is State.PAUSED or at.is_left_alone
        return "" if can else _("Only a paused run is resumed, or one that nobody has taken.")


class Retry(Again):
    """Do what a run was to do once more."""

    name = "retry"
    label = gettext_lazy("Retry")
    asks = gettext_lazy("Retry %(run)s?")
    follows = gettext_lazy(
        "Another process does it: a run that was interrupted or whose process is dead is carried "
        "on with where it stood, of any other a new run with the same options begins."
    )
    done = gettext_lazy("Run %(run)d has been queued.")

    def queue(self, run: MaintenanceRun, asker: starting.Asker) -> MaintenanceRun:
        """Queue a new run, or the run itself: which of them, the rights were checked for."""
        queues = starting.retry if run.state in NEW_AGAIN else starting.carry_on
        return queues(run.database, run.pk, asker)

    def obstacle(self, at: Standing) -> str:
        """Return why it is not to be tried again."""
        if at.is_dead or at.state is State.INTERRUPTED or at.state in NEW_AGAIN:
            return ""
        return _("Only a run that has failed, was cancelled or lost its process is retried.")

    def lacks(self, request: HttpRequest, run: MaintenanceRun) -> str:
        """Return that who begins a run anew needs the right to begin such a one."""
        if run.state not in NEW_AGAIN:
            return ""
        for right in rights_of(run):
            if not may(request, right):
                return (
                    _("Who begins such a run anew needs the right to do so: dbhealth.%s.") % right
                )
        return self._beyond(run)

    def _beyond(self, run: MaintenanceRun) -> str:
        asked = asked_of(run)
        given = [f"--{name.replace('_', '-')}" for name in BEYOND if asked.get(name)]
        given += [option for option in (other_span(run),) if option]
        if not given:
            return ""
        said = _("It was begun with %s, which is left to the command line: begin it there.")
        return said % ", ".join(given)

    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Queue it, for who may begin such a run."""
        if run.state in NEW_AGAIN:
            for right in rights_of(run):
                ensure(request, right)
            if beyond := self._beyond(run):
                raise UsageError(beyond)
        return super().do(request, run)
