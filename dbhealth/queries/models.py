"""RecordedUse and RecordedStatement: what the recorder has seen of the application's statements."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class RecordedUse(models.Model):
    """How often statements used an index, or read a table whole, on one day (UTC).

    ``index`` is empty where a table was read without any. ``uses`` are executions, extrapolated
    from the share that was looked at.
    """

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    index = models.CharField(_("index"), max_length=255, blank=True)
    day = models.DateField(_("day"))
    uses = models.BigIntegerField(_("uses"), default=0)
    last_used = models.DateTimeField(_("last used"))

    class Meta:
        verbose_name = _("recorded use of an index")
        verbose_name_plural = _("recorded uses of indexes")
        default_permissions = ("view",)
        constraints: ClassVar = [
            # one row to add to; and all days of an index, which is how they are read
            models.UniqueConstraint(
                fields=["database", "table", "index", "day"], name="dbhealth_one_use_a_day"
            ),
        ]
        indexes: ClassVar = [
            # what is older than it has to be kept
            models.Index(fields=["day"], name="dbhealth_use_day"),
        ]

    def __str__(self) -> str:
        """Return what was used and when."""
        return f"{self.index or self.table} on {self.day}"


class RecordedStatement(models.Model):
    """A statement that uses an index: its SQL as it was before any value was put in."""

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    index = models.CharField(_("index"), max_length=255, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=16)
    sql = models.TextField(_("statement"))
    last_used = models.DateTimeField(_("last used"))

    class Meta:
        verbose_name = _("recorded statement")
        verbose_name_plural = _("recorded statements")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["database", "table", "index", "fingerprint"],
                name="dbhealth_one_statement",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["last_used"], name="dbhealth_statement_used"),
        ]

    def __str__(self) -> str:
        """Return the beginning of the statement."""
        return self.sql[:80]
