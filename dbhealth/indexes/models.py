"""The history of indexes: compact rows, and nothing at all for an index that nobody used.

It lives in the database that it is about; that of a standby, which takes no rows, lives where the
project's routers write it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from dbhealth.saying.fields import SentenceField


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


class IndexState(models.TextChoices):
    """How an index stood when it was last looked at."""

    THERE = "there", _("valid")
    INVALID = "invalid", _("invalid")
    BUILDING = "building", _("being built")
    GONE = "gone", _("gone")


class TrackedIndex(models.Model):
    """An index as the last look found it, with what was thought of it.

    ``scans`` and ``rows_read`` are the raw counters; they are empty where nothing counts.
    """

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
    scans = models.BigIntegerField(_("scans"), null=True, blank=True)
    rows_read = models.BigIntegerField(_("rows read"), null=True, blank=True)
    bytes = models.BigIntegerField(_("size (bytes)"), null=True, blank=True)
    looked_at = models.DateTimeField(
        _("judged"),
        null=True,
        blank=True,
        help_text=_("When what follows was found out; a lock may have kept later looks from it."),
    )
    state = models.CharField(
        _("state"), max_length=16, choices=IndexState.choices, default=IndexState.THERE
    )
    definition = models.TextField(_("definition"), blank=True)
    method = models.CharField(_("method"), max_length=64, blank=True)
    holds = models.CharField(
        _("holds"), max_length=16, blank=True, help_text=_("The constraint that it enforces.")
    )
    app_label = models.CharField(_("app"), max_length=255, blank=True)
    owner = models.CharField(
        _("owner"), max_length=255, blank=True, help_text=_("Empty where nobody declares it.")
    )
    kind = models.CharField(_("declared as"), max_length=32, blank=True)
    drift = models.CharField(
        _("against the code"),
        max_length=16,
        blank=True,
        help_text=_("As init_indexes --status says it; empty where no model has the table."),
    )
    drift_why = SentenceField(_("in words"), default=str, blank=True)
    declaration = models.TextField(_("declaration"), blank=True)
    declared_by = models.CharField(
        _("declared by"), max_length=1024, blank=True, help_text=_("The file and the line.")
    )
    stays = SentenceField(
        _("why it stays"),
        default=str,
        blank=True,
        help_text=_("Empty where it could be done without."),
    )
    rows_fetched = models.BigIntegerField(_("rows fetched"), null=True, blank=True)
    last_scan = models.DateTimeField(_("last scan"), null=True, blank=True)
    share = models.FloatField(_("share of the reads of its table"), null=True, blank=True)
    hit_ratio = models.FloatField(_("share of pages found in the cache"), null=True, blank=True)
    gravity = models.PositiveSmallIntegerField(
        _("gravity"), default=0, help_text=_("Level before confidence; 0 without a verdict.")
    )
    verdict = models.CharField(_("verdict"), max_length=32, blank=True)
    level = models.CharField(_("level"), max_length=8, blank=True)
    confidence = models.CharField(_("confidence"), max_length=8, blank=True)
    verdicts = SentenceField(_("verdicts"), default=list, blank=True)

    class Meta:
        verbose_name = _("index")
        verbose_name_plural = _("indexes")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["database", "table", "name"], name="dbhealth_tracked_index"
            ),
        ]

    def __str__(self) -> str:
        """Return the index and its table."""
        return f"{self.table}.{self.name}"


class MissingIndex(models.Model):
    """An index that the last look missed. What has come since has no row any more.

    ``name`` is that of a declared one, and ``sql`` Django's statement for it; the others are to be
    declared first. ``what`` is the name or the columns, cut where that is too long for a key.
    """

    database = models.CharField(_("database alias"), max_length=128)
    table = models.CharField(_("table"), max_length=255)
    what = models.CharField(_("what"), max_length=255, blank=True)
    name = models.CharField(_("index"), max_length=255, blank=True)
    columns = models.JSONField(_("columns"), default=list, blank=True)
    looked_at = models.DateTimeField(_("as of"))
    code = models.CharField(_("missed by"), max_length=32)
    gravity = models.PositiveSmallIntegerField(_("gravity"))
    level = models.CharField(_("level"), max_length=8)
    confidence = models.CharField(_("confidence"), max_length=8)
    reasons = SentenceField(_("reasons"), default=list, blank=True)
    why = SentenceField(_("why"), default=str)
    change = SentenceField(_("change"), default=str)
    sql = models.TextField(_("statement"), blank=True)
    app_label = models.CharField(_("app"), max_length=255, blank=True)
    owner = models.CharField(
        _("owner"), max_length=255, blank=True, help_text=_("The model of the table.")
    )
    declared_by = models.CharField(_("declared by"), max_length=1024, blank=True)
    rows = models.BigIntegerField(_("rows of the table"), null=True, blank=True)

    class Meta:
        verbose_name = _("missing index")
        verbose_name_plural = _("missing indexes")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["database", "table", "code", "what"], name="dbhealth_missing_index"
            ),
        ]

    def __str__(self) -> str:
        """Return its name, or what it would be on."""
        return f"{self.table}: {self.what or self.code}"


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
