"""Tables with constraints, with managers that hide rows, and tables of other people."""
# Shapes are what counts here, whatever one may think of their style.
# ruff: noqa: DJ001, DJ008

from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from dbhealth.archive import ArchiveModel, ArchivePolicy

from .base import POLICY, Aged


class Constrained(Aged):
    name = models.CharField(max_length=40, unique=True)
    group = models.CharField(max_length=40)
    place = models.IntegerField(null=True)
    active = models.BooleanField(default=True)

    class Meta:
        unique_together = [("group", "place")]
        constraints = [
            models.UniqueConstraint(fields=["group"], condition=Q(active=True), name="one_active"),
            models.UniqueConstraint(Lower("name"), name="one_name"),
            models.CheckConstraint(condition=Q(place__gte=-10), name="place_from"),
        ]


class ConstrainedArchive(ArchiveModel, source=Constrained):
    policy = POLICY


class ByDay(models.Model):
    day = models.DateField(null=True, db_index=True)


class ByDayArchive(ArchiveModel, source=ByDay):
    policy = ArchivePolicy(timestamp_field="day", retention=timedelta(days=30))


class Narrowed(Aged):
    state = models.CharField(max_length=20, null=True)
    done = models.BooleanField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "created_at"], name="narrowed_state")]


class NarrowedArchive(ArchiveModel, source=Narrowed):
    policy = ArchivePolicy(
        timestamp_field="created_at",
        retention=timedelta(days=90),
        where=Q(state="50% done") & ~Q(done=False),
        batch_size=2,
    )


class Visible(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(deleted=False)


class Hidden(Aged):
    deleted = models.BooleanField(default=False)

    objects = Visible()

    class Meta:
        base_manager_name = "objects"


class HiddenArchive(ArchiveModel, source=Hidden):
    policy = POLICY


class Legacy(models.Model):
    """A table that Django did not make; a migration of this app does it in SQL."""

    number = models.IntegerField(primary_key=True)
    text = models.TextField(null=True)
    created_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        managed = False
        db_table = "legacy_log"


class LegacyArchive(ArchiveModel, source=Legacy):
    policy = POLICY


class LogEntryArchive(ArchiveModel, source=LogEntry):
    policy = ArchivePolicy(timestamp_field="action_time", retention=timedelta(days=365))


class SessionArchive(ArchiveModel, source=Session):
    policy = ArchivePolicy(timestamp_field="expire_date", retention=timedelta(days=14))
