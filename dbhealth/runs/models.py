"""MaintenanceRun: one row for every execution of a verb."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dbhealth.runs.states import ACTIVE, WORKING, State, told
from dbhealth.saying import say
from dbhealth.saying.fields import SentenceField


class Operation(models.TextChoices):
    """The verbs that leave a run."""

    ARCHIVE = "archive", _("archive")
    PURGE = "purge", _("purge")
    RESTORE = "restore", _("restore")
    INIT_INDEXES = "init_indexes", _("init indexes")
    VACUUM = "vacuum", _("vacuum")


class Trigger(models.TextChoices):
    """What started a run."""

    COMMAND = "command", _("command line")
    API = "api", _("Python code")
    ADMIN = "admin", _("admin")


class MaintenanceRun(models.Model):
    """What was done to which table of which database, how far it came, what became of it.

    It lives in the database that it works on, because its cursor and counters are committed in
    the same transactions as the rows. Times are the database's; durations are seconds.
    """

    operation = models.CharField(_("operation"), max_length=32, choices=Operation.choices)
    database = models.CharField(_("database alias"), max_length=128)
    target = models.CharField(_("target"), max_length=255, help_text=_("The table, by its name."))
    options = models.JSONField(_("options"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    trigger = models.CharField(_("started by way of"), max_length=16, choices=Trigger.choices)
    started_by = models.CharField(_("started by"), max_length=255, blank=True)
    host = models.CharField(_("host"), max_length=255, blank=True)
    pid = models.PositiveIntegerField(_("process id"), null=True, blank=True)
    generation = models.PositiveIntegerField(
        _("generation"),
        default=0,
        help_text=_("Grows with every process that takes the run; an older one cannot write."),
    )
    created_at = models.DateTimeField(_("created"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    rows_done = models.BigIntegerField(_("rows done"), default=0)
    rows_expected = models.BigIntegerField(_("rows expected"), null=True, blank=True)
    batches = models.PositiveIntegerField(_("batches"), default=0)
    cursor = models.JSONField(
        _("cursor"), null=True, blank=True, help_text=_("The key of the last row that is done.")
    )
    cutoff = models.DateTimeField(
        _("cutoff"), null=True, blank=True, help_text=_("Taken once, from the database's clock.")
    )
    proof = models.JSONField(
        _("proof"),
        default=dict,
        blank=True,
        help_text=_("What has left each table: rows, and a checksum over the columns named."),
    )
    result = SentenceField(_("result"), default=dict, blank=True)
    pace = models.JSONField(
        _("pace"),
        default=list,
        blank=True,
        help_text=_("Points of [seconds since the start, rows done, batches]; see runs/pace.py."),
    )
    holding_back = models.TextField(
        _("holding back"), blank=True, help_text=_("Why it waits now, empty while it works.")
    )
    doing = models.TextField(
        _("doing"), blank=True, help_text=_("How far one long statement is, where that is known.")
    )
    unwatched = models.BooleanField(
        _("unwatched"),
        default=False,
        help_text=_("Nobody can give signs of life for its statement; its process is the sign."),
    )
    error = models.TextField(_("error"), blank=True)
    traceback = models.TextField(_("traceback"), blank=True)

    class Meta:
        verbose_name = _("maintenance run")
        verbose_name_plural = _("maintenance runs")
        default_permissions = ("view",)
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["operation", "database", "target"],
                condition=Q(state__in=sorted(ACTIVE)),
                name="dbhealth_one_active_run",
            ),
        ]
        indexes: ClassVar = [
            # "the last run of this table", which every archive and every page asks for
            models.Index(
                F("operation"),
                F("database"),
                F("target"),
                F("created_at").desc(),
                name="dbhealth_run_target",
            ),
            models.Index(F("created_at").desc(), F("id").desc(), name="dbhealth_run_created"),
            # few runs work at any moment: the search for dead ones stays small for ever
            models.Index(
                fields=["heartbeat_at"],
                condition=Q(state__in=sorted(WORKING)),
                name="dbhealth_run_working",
            ),
        ]

    def __str__(self) -> str:
        """Return what was done to what."""
        return f"{self.operation} {self.target} ({self.state})"

    @property
    def verb(self) -> str:
        """The operation as sentences name it: its label is what gets translated."""
        return say(str(self.operation))

    @property
    def stands(self) -> str:
        """The state as sentences name it."""
        return told(self.state)

    @property
    def seconds(self) -> float | None:
        """How long it took from its start to its end (seconds), None before its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def snapshot(self) -> dict[str, Any]:
        """Return the run for JSON."""
        times = ("created_at", "started_at", "finished_at", "heartbeat_at", "cutoff")
        plain = (
            *("id", "operation", "database", "target", "state", "trigger", "started_by"),
            *("options", "rows_done", "rows_expected", "batches", "holding_back", "doing"),
            *("proof", "result", "error"),
        )
        facts = {name: getattr(self, name) for name in plain}
        for name in times:
            value = getattr(self, name)
            facts[name] = None if value is None else value.isoformat()
        return facts
