"""The history of findings, in the database that they are about."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dbhealth.health.finding import LONGEST_OBJECT, Level
from dbhealth.saying import translated
from dbhealth.saying.fields import SentenceField

LEVELS = [
    (Level.INFO.value, _("info")),
    (Level.WARNING.value, _("warning")),
    (Level.ERROR.value, _("error")),
    (Level.CRITICAL.value, _("critical")),
]
"""The levels with their words in the reader's language."""


class FindingRecord(models.Model):
    """A finding from the first time that it was seen until it is forgotten.

    Times are the database's. One row for each key, however often it comes back.
    """

    key = models.CharField(_("key"), max_length=512)
    check_id = models.CharField(_("check"), max_length=64)
    database = models.CharField(_("database alias"), max_length=128)
    object = models.CharField(_("object"), max_length=LONGEST_OBJECT, blank=True)
    level = models.CharField(_("level"), max_length=8, choices=LEVELS)
    title = models.TextField(_("title"))
    facts = SentenceField(
        _("facts"),
        default=dict,
        blank=True,
        help_text=_("What was measured when it was last seen, why it matters and what to do."),
    )
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))
    resolved_at = models.DateTimeField(
        _("resolved"),
        null=True,
        blank=True,
        help_text=_("When its check was made and did not find it any more."),
    )
    acknowledged_by = models.CharField(_("acknowledged by"), max_length=255, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, blank=True)
    acknowledged_until = models.DateTimeField(
        _("acknowledged until"),
        null=True,
        blank=True,
        help_text=_("Empty: until it is resolved."),
    )
    acknowledged_level = models.CharField(
        _("acknowledged as"),
        max_length=8,
        blank=True,
        choices=LEVELS,
        help_text=_("A finding that has become graver since is spoken of again."),
    )
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], name="dbhealth_finding_key"),
        ]
        indexes: ClassVar = [
            # what is wrong now stays small, whatever the history comes to
            models.Index(
                fields=["database", "check_id"],
                condition=Q(resolved_at__isnull=True),
                name="dbhealth_finding_open",
            ),
            # what is kept too long; without the open ones, whom the planner would look for here
            models.Index(
                fields=["resolved_at"],
                condition=Q(resolved_at__isnull=False),
                name="dbhealth_finding_resolved",
            ),
        ]

    def __str__(self) -> str:
        """Return its title."""
        return translated(self.said)

    @property
    def said(self) -> str:
        """Its title, which a page says in the language of its reader."""
        said: str = self.facts.get("title", self.title)
        return said


class DatabaseHealth(models.Model):
    """No table: what people may see and do in the admin, and the menu entry of its first page.

    The rights are of the whole installation, not of a database.
    """

    class Meta:
        managed = False
        verbose_name = _("overview")
        verbose_name_plural = _("overview")
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("view_sensitive", _("See keys, SQL texts, hosts and tracebacks")),
            ("refresh_figures", _("Have the figures of the pages taken anew")),
            ("acknowledge_findings", _("Acknowledge findings")),
            ("control_runs", _("Pause, resume, cancel and retry runs")),
            ("archive_rows", _("Archive rows")),
            ("restore_rows", _("Restore archived rows")),
            ("purge_rows", _("Delete archived rows for good")),
            ("build_indexes", _("Build and rebuild declared indexes")),
            ("vacuum_tables", _("Vacuum tables")),
            ("analyze_tables", _("Analyze tables")),
            ("reindex_tables", _("Reindex tables")),
        ]

    def __str__(self) -> str:
        """Return its name; there is no row that could have another."""
        return str(self._meta.verbose_name)
