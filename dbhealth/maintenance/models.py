"""The history of sizes: a row only where something has changed.

It lives in the database that it is about; that of a standby, which takes no rows, lives where the
project's routers write it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SizeSnapshot(models.Model):
    """One look at the sizes of a database. Times are the database's."""

    database = models.CharField(_("database alias"), max_length=128)
    number = models.PositiveIntegerField(
        _("number"), help_text=_("Counts up, so that two looks at once cannot both be the next.")
    )
    taken_at = models.DateTimeField(_("taken"))
    bytes = models.BigIntegerField(_("size of the database (bytes)"))

    class Meta:
        verbose_name = _("size snapshot")
        verbose_name_plural = _("size snapshots")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["database", "number"], name="dbhealth_size_number"),
        ]
        indexes: ClassVar = [
            # what is kept too long, and the looks of the last so many days
            models.Index(fields=["database", "taken_at"], name="dbhealth_size_taken"),
        ]

    def __str__(self) -> str:
        """Return of what and when."""
        return f"{self.database} at {self.taken_at}"


class SizedRelation(models.Model):
    """A table or an index, and its size when a change of it was last kept."""

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    index = models.CharField(
        _("index"), max_length=255, blank=True, help_text=_("Empty for the table itself.")
    )
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))
    bytes = models.BigIntegerField(
        _("size (bytes)"), help_text=_("Of a table with what it keeps out of line, but no indexes.")
    )

    class Meta:
        verbose_name = _("sized relation")
        verbose_name_plural = _("sized relations")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["database", "table", "index"], name="dbhealth_sized_relation"
            ),
        ]

    def __str__(self) -> str:
        """Return the table, and the index if it is one."""
        return f"{self.table}.{self.index}" if self.index else self.table


class SizeChange(models.Model):
    """A size that a look found changed; there is no row where it has not."""

    relation = models.ForeignKey(
        SizedRelation, on_delete=models.CASCADE, verbose_name=_("relation"), db_index=False
    )
    snapshot = models.ForeignKey(SizeSnapshot, on_delete=models.CASCADE, verbose_name=_("look"))
    before = models.BigIntegerField(
        _("size before (bytes)"),
        null=True,
        blank=True,
        help_text=_("So that it is known when the rows before this one are forgotten."),
    )
    bytes = models.BigIntegerField(_("size (bytes)"))

    class Meta:
        verbose_name = _("size change")
        verbose_name_plural = _("size changes")
        default_permissions = ()
        constraints: ClassVar = [
            # also the way to the history of one relation
            models.UniqueConstraint(fields=["relation", "snapshot"], name="dbhealth_size_change"),
        ]

    def __str__(self) -> str:
        """Return how large."""
        return f"{self.bytes} bytes"
