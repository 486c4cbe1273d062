"""The history of indexes: compact rows, and nothing at all for an index that nobody used.

It lives in the database that it is about; that of a standby, which takes no rows, lives where the
project's routers write it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class IndexSnapshot(models.Model):
    """One look at the counters of a database. Times are the database's."""

    database = models.CharField(_("database alias"), max_length=128)
    number = models.PositiveIntegerField(
        _("number"), help_text=_("Counts up, so that two looks at once cannot both be the next.")
    )
    taken_at = models.DateTimeField(_("taken"))
    since = models.DateTimeField(
        _("counted since"), null=True, blank=True, help_text=_("The last reset that was known.")
    )
    unseen_seconds = models.FloatField(
        _("unseen"),
        default=0,
        help_text=_("How long before it the counters went on and were lost by a reset (seconds)."),
    )

    class Meta:
        verbose_name = _("index snapshot")
        verbose_name_plural = _("index snapshots")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["database", "number"], name="dbhealth_snapshot_number"),
        ]
        indexes: ClassVar = [
            # what is kept too long, and the looks of the last so many days
            models.Index(fields=["database", "taken_at"], name="dbhealth_snapshot_taken"),
        ]

    def __str__(self) -> str:
        """Return of what and when."""
        return f"{self.database} at {self.taken_at}"


class TrackedIndex(models.Model):
    """An index as the last look found it. ``scans`` and ``rows_read`` are the raw counters."""

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    name = models.CharField(_("index"), max_length=255)
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))
    last_used = models.DateTimeField(
        _("last found used"),
        null=True,
        blank=True,
        help_text=_("The last look that found more scans than the one before it."),
    )
    oid = models.BigIntegerField(_("number of the engine"), default=0)
    scans = models.BigIntegerField(_("scans"), default=0)
    rows_read = models.BigIntegerField(_("rows read"), default=0)
    bytes = models.BigIntegerField(_("size (bytes)"), null=True, blank=True)

    class Meta:
        verbose_name = _("tracked index")
        verbose_name_plural = _("tracked indexes")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["database", "table", "name"], name="dbhealth_tracked_index"
            ),
        ]

    def __str__(self) -> str:
        """Return the index and its table."""
        return f"{self.table}.{self.name}"


class IndexCount(models.Model):
    """What came to an index between two looks; there is no row where nothing did."""

    index = models.ForeignKey(
        TrackedIndex, on_delete=models.CASCADE, verbose_name=_("index"), db_index=False
    )
    snapshot = models.ForeignKey(IndexSnapshot, on_delete=models.CASCADE, verbose_name=_("look"))
    scans = models.BigIntegerField(_("scans since the look before"))
    rows_read = models.BigIntegerField(_("rows read since the look before"))
    bytes = models.BigIntegerField(_("size (bytes)"), null=True, blank=True)

    class Meta:
        verbose_name = _("index count")
        verbose_name_plural = _("index counts")
        default_permissions = ()
        constraints: ClassVar = [
            # also the way to the history of one index
            models.UniqueConstraint(fields=["index", "snapshot"], name="dbhealth_index_count"),
        ]

    def __str__(self) -> str:
        """Return how many scans."""
        return f"{self.scans} scans"
