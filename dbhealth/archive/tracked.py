"""What is kept about each archive: the figures of its last look, for pages that count nothing."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class TrackedArchive(models.Model):
    """A table with an archive, how many rows are where, and how many may leave.

    It lives in the database that it is about. Times are the database's, sizes bytes. What a run
    moves is added and taken away at its end; everything else is as the last look has found it.
    """

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    model = models.CharField(_("model"), max_length=255, help_text=_("The source, as app.Model."))
    app_label = models.CharField(_("app"), max_length=255)
    archive_table = models.CharField(_("archive table"), max_length=255)
    archive_model = models.CharField(_("archive model"), max_length=255)
    retention = models.DurationField(
        _("retention"),
        null=True,
        blank=True,
        help_text=_("Empty where rows leave with their parents only."),
    )
    purge_after = models.DurationField(
        _("purge after"),
        null=True,
        blank=True,
        help_text=_("Empty where the archive keeps its rows for ever."),
    )
    parents = models.JSONField(
        _("leaves with"), default=list, blank=True, help_text=_("The tables of the parents.")
    )
    rows = models.BigIntegerField(_("rows"), null=True, blank=True)
    archive_rows = models.BigIntegerField(_("archived rows"), null=True, blank=True)
    estimated = models.BooleanField(
        _("estimated"),
        default=False,
        help_text=_("Counting took too long: the rows of both tables are the server's estimate."),
    )
    eligible = models.BigIntegerField(
        _("waiting"), null=True, blank=True, help_text=_("Rows that may leave now.")
    )
    oldest = models.DateTimeField(_("oldest row"), null=True, blank=True)
    purgeable = models.BigIntegerField(_("purgeable rows"), null=True, blank=True)
    bytes = models.BigIntegerField(_("size (bytes)"), null=True, blank=True)
    archive_bytes = models.BigIntegerField(_("size of the archive (bytes)"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, help_text=_("Why figures are missing."))
    counted_at = models.DateTimeField(
        _("counted"), null=True, blank=True, help_text=_("The last look that came to its end.")
    )
    looked_at = models.DateTimeField(_("looked at"))

    class Meta:
        verbose_name = _("archive")
        verbose_name_plural = _("archives")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["database", "table"], name="dbhealth_tracked_archive"),
        ]

    def __str__(self) -> str:
        """Return from where to where."""
        return f"{self.table} → {self.archive_table}"

    @property
    def is_late(self) -> bool:
        """Whether the last look could not count in time, so that figures are older than it."""
        return self.counted_at != self.looked_at and not self.error
