"""Resume and retry: a run is queued, and another process executes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth import starting
from dbhealth.admin.permissions import Permission, ensure, may
from dbhealth.admin.run_control import Control
from dbhealth.admin.run_state import Standing
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


class Again(Control):
    """What queues a run and has another process execute it."""

    queues: ClassVar[Callable[..., MaintenanceRun]]

    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Queue it and have it executed."""
        asker = starting.Asker(name=request.user.get_username())
        queued = type(self).queues(run.database, run.pk, asker)
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
    queues = starting.carry_on

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
    queues = starting.retry

    def obstacle(self, at: Standing) -> str:
        """Return why it is not to be tried again."""
        if at.is_dead or at.state is State.INTERRUPTED or at.state in NEW_AGAIN:
            return ""
        return _("Only a run that has failed, was cancelled or lost its process is retried.")

    def lacks(self, request: HttpRequest, run: MaintenanceRun) -> str:
        """Return that who begins a run anew needs the right to begin such a one."""
        if run.state not in NEW_AGAIN or may(request, right_of(run)):
            return ""
        return _("Who begins such a run anew needs the right to do so: dbhealth.%s.") % right_of(
            run
        )

    def do(self, request: HttpRequest, run: MaintenanceRun) -> MaintenanceRun:
        """Queue it, for who may begin such a run."""
        if run.state in NEW_AGAIN:
            ensure(request, right_of(run))
        return super().do(request, run)
