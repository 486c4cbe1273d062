"""What can be done to archives: archive, purge, bring back what a run has archived."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth import starting
from dbhealth.admin.actions import Options, Plan, RunAction, all_or_none
from dbhealth.admin.archive_plans import archive_of, archive_plan, purge_plan, restore_plans
from dbhealth.admin.permissions import Permission, may
from dbhealth.archive.plan import Asked
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.registry import Archive
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import UsageError
from dbhealth.models import MaintenanceRun, TrackedArchive
from dbhealth.runs.models import Operation
from dbhealth.starting import Asker


class AmountForm(forms.Form):
    """How much at the most."""

    max_rows = forms.IntegerField(
        label=gettext_lazy("At most so many rows of each table"),
        help_text=gettext_lazy("Empty: all of them. The next run takes what is left."),
        min_value=1,
        required=False,
    )


class SkipForm(forms.Form):
    """What to do with rows that have no place in the table."""

    skip_conflicts = forms.BooleanField(
        label=gettext_lazy("Leave rows in conflict in the archive, and restore the others"),
        required=False,
    )


def declared(row: TrackedArchive) -> Archive:
    """Return the archive of a row. Raises UsageError where the code has it no more."""
    archive = archive_of(row)
    if archive is None:
        raise UsageError(_("The code declares no archive of %s any more.") % row.table)
    return archive


class OfAmount(RunAction):
    """What is done to each of several archives, with so many rows at the most."""

    form_class = AmountForm

    @abstractmethod
    def plan(self, archive: Archive, alias: str, most: int | None) -> Plan:
        """Return the dry run of one archive."""

    @abstractmethod
    def order(self, alias: str, archive: Archive, asker: Asker, most: int | None) -> MaintenanceRun:
        """Queue the run of one archive and return it."""

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the dry run of each."""
        most = options.get("max_rows")
        return [self.plan(declared(row), alias, most) for row in objects]

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue a run for each."""
        most = options.get("max_rows")
        return all_or_none(
            partial(self.order, alias, declared(row), asker, most) for row in objects
        )


class ArchiveNow(OfAmount):
    """Archive the rows of a policy now, and not when cron does."""

    name = "archive"
    label = gettext_lazy("Archive now")
    permission = Permission.ARCHIVE

    def question(self, objects: Sequence[Any]) -> str:
        """Return what will leave which tables."""
        tables = ", ".join(row.table for row in objects)
        return _("Rows that are past their retention leave for their archive: %s.") % tables

    def why_not(self, obj: TrackedArchive) -> str:
        """Return why its rows do not leave by themselves."""
        if obj.retention is None and obj.parents:
            parents = ", ".join(obj.parents)
            return _("Its rows leave with those of %s only: archive these.") % parents
        return ""

    def plan(self, archive: Archive, alias: str, most: int | None) -> Plan:
        """Return the dry run."""
        return archive_plan(archive, alias, Asked(max_rows=most))

    def order(self, alias: str, archive: Archive, asker: Asker, most: int | None) -> MaintenanceRun:
        """Queue the run."""
        return starting.archive(alias, archive, asker, Asked(max_rows=most))


class PurgeNow(OfAmount):
    """Delete for good what an archive has kept long enough."""

    name = "purge"
    label = gettext_lazy("Purge")
    permission = Permission.PURGE

    def question(self, objects: Sequence[Any]) -> str:
        """Return what will be deleted."""
        tables = ", ".join(row.archive_table for row in objects)
        return (
            _("Rows that have been archived for long enough are deleted for good: %s. ") % tables
        ) + _("Nothing brings them back.")

    def why_not(self, obj: TrackedArchive) -> str:
        """Return why the archive keeps everything."""
        if obj.purge_after is None:
            return _("Its policy has no purge_after: it keeps its rows for ever.")
        return ""

    def plan(self, archive: Archive, alias: str, most: int | None) -> Plan:
        """Return the dry run."""
        return purge_plan(archive, alias, PurgeAsked(max_rows=most))

    def order(self, alias: str, archive: Archive, asker: Asker, most: int | None) -> MaintenanceRun:
        """Queue the run."""
        return starting.purge(alias, archive, asker, PurgeAsked(max_rows=most))


class RestoreRun(RunAction):
    """Bring back everything that a run has archived; stands on the page of the run."""

    name = "restore"
    label = gettext_lazy("Restore what it has archived")
    permission = Permission.RESTORE
    form_class = SkipForm
    for_many = False

    def question(self, objects: Sequence[Any]) -> str:
        """Return whose rows come back."""
        numbers = ", ".join(str(run.pk) for run in objects)
        return _("The rows that run %s has archived come back as they were.") % numbers

    def why_not(self, obj: MaintenanceRun) -> str:
        """Return why there is nothing to bring back."""
        if obj.operation != Operation.ARCHIVE or not obj.rows_done:
            return _("It has archived nothing.")
        return ""

    def plans(
        self, request: HttpRequest, alias: str, objects: Sequence[Any], options: Options
    ) -> list[Plan]:
        """Return the dry run of each table of the run, with what is in conflict."""
        sensitive = may(request, Permission.SENSITIVE)
        return [
            plan
            for run in objects
            for plan in restore_plans([], alias, _wanted(run, options), sensitive=sensitive)
        ]

    def first(self, runs: Sequence[MaintenanceRun]) -> Sequence[MaintenanceRun]:
        """Return the first: children wait until their parents are there."""
        return runs[:1]

    def queue(
        self, alias: str, objects: Sequence[Any], options: Options, asker: Asker
    ) -> Sequence[MaintenanceRun]:
        """Queue a run for each table that the run has archived rows of, parents first."""
        return [
            queued
            for run in objects
            for queued in starting.restore_run(alias, asker, _wanted(run, options))
        ]


def _wanted(run: MaintenanceRun, options: Options) -> Wanted:
    return Wanted(run=run.pk, skip_conflicts=options.get("skip_conflicts", False))
