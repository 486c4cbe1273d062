"""The history of sizes, a row only where something has changed, and how tables stand now.

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


class TrackedTable(models.Model):
    """A table as the last look found it; one that is gone has no row. Times are the database's.

    Figures are empty where the engine does not tell. docs/stats.md has their definitions.
    """

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    kind = models.CharField(_("kind"), max_length=32)
    parent = models.CharField(_("partition of"), max_length=255, blank=True)
    app_label = models.CharField(_("app"), max_length=255, blank=True)
    model = models.CharField(
        _("model"), max_length=255, blank=True, help_text=_("Empty where no model has the table.")
    )
    first_seen = models.DateTimeField(_("first seen"))
    looked_at = models.DateTimeField(_("as of"))
    rows = models.BigIntegerField(_("rows"), null=True, blank=True)
    dead_rows = models.BigIntegerField(_("dead rows"), null=True, blank=True)
    dead_share = models.FloatField(_("share of dead rows"), null=True, blank=True)
    bytes = models.BigIntegerField(
        _("size (bytes)"),
        null=True,
        blank=True,
        help_text=_("With what it keeps out of line, and its indexes."),
    )
    index_bytes = models.BigIntegerField(_("size of its indexes (bytes)"), null=True, blank=True)
    share = models.FloatField(_("share of the database"), null=True, blank=True)
    measured = models.BooleanField(
        _("measured"), help_text=_("Else the size is that of its last VACUUM or ANALYZE.")
    )
    wasted_bytes = models.BigIntegerField(_("wasted (bytes)"), null=True, blank=True)
    vacuumed_at = models.DateTimeField(_("last vacuum"), null=True, blank=True)
    analyzed_at = models.DateTimeField(_("last analyze"), null=True, blank=True)
    per_day = models.FloatField(_("growth of a day (bytes)"), null=True, blank=True)
    vacuum_due = models.BooleanField(_("due for vacuum"), default=False)
    analyze_due = models.BooleanField(_("due for analyze"), default=False)
    unanalyzed = models.BooleanField(_("never analyzed"), default=False)
    many_dead = models.BooleanField(_("many dead rows"), default=False)
    bloated = models.BooleanField(_("bloated"), default=False)
    unattended = models.BooleanField(_("autovacuum is off"), default=False)
    figures = models.JSONField(
        _("figures"), default=dict, help_text=_("All that db_stats tells of it.")
    )

    CONDITIONS: ClassVar = (
        *("many_dead", "bloated", "vacuum_due"),
        *("analyze_due", "unanalyzed", "unattended"),
    )
    """The fields that tell what is not as it should be, the gravest first."""

    class Meta:
        verbose_name = _("table")
        verbose_name_plural = _("tables")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["database", "table"], name="dbhealth_tracked_table"),
        ]

    def __str__(self) -> str:
        """Return its name."""
        return self.table

    @property
    def troubles(self) -> list[str]:
        """What is not as it should be, by the names of its fields, the gravest first."""
        return [name for name in self.CONDITIONS if getattr(self, name)]

    @property
    def condition(self) -> str:
        """The same in words, empty where all is well."""
        names = {field.name: str(field.verbose_name) for field in self._meta.fields}
        return ", ".join(names[name] for name in self.troubles)
