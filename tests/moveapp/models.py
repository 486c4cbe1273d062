"""Tables from which rows are moved while others write to them, lock them and point at them."""

from datetime import timedelta

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q

from dbhealth.archive import ArchiveModel, ArchivePolicy


class Visible(models.Manager):
    """The default manager hides rows, as one for soft deletion does."""

    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


class Event(models.Model):
    created_at = models.DateTimeField(null=True)
    payload = models.TextField(default="")
    version = models.IntegerField(default=0)
    done = models.BooleanField(default=True)
    hidden = models.BooleanField(default=False)

    objects = Visible()
    everything = models.Manager()  # noqa: DJ012 - not a field, whatever it looks like

    class Meta:
        db_table = "move_event"
        indexes = [models.Index(fields=["created_at"], name="move_event_created")]

    def __str__(self):
        return f"event {self.pk}"


class EventArchive(ArchiveModel, source=Event):
    policy = ArchivePolicy(
        timestamp_field="created_at", retention=timedelta(days=30), where=Q(done=True)
    )


class Visit(models.Model):
    day = models.DateField(db_index=True)

    class Meta:
        db_table = "move_visit"

    def __str__(self):
        return f"visit {self.pk}"


class VisitArchive(ArchiveModel, source=Visit):
    policy = ArchivePolicy(timestamp_field="day", retention=timedelta(days=30))


class Order(models.Model):
    placed_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "move_order"

    def __str__(self):
        return f"order {self.pk}"


class OrderArchive(ArchiveModel, source=Order):
    policy = ArchivePolicy(timestamp_field="placed_at", retention=timedelta(days=30))


class Line(models.Model):
    """Points at an order by a constraint of the database."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE)

    class Meta:
        db_table = "move_line"

    def __str__(self):
        return f"line {self.pk}"


class Mention(models.Model):
    """Points at an order, and no database knows of it."""

    order = models.ForeignKey(Order, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        db_table = "move_mention"

    def __str__(self):
        return f"mention {self.pk}"


class Remark(models.Model):
    """Points at any row of any table."""

    kind = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.TextField()
    about = GenericForeignKey("kind", "object_id")

    class Meta:
        db_table = "move_remark"

    def __str__(self):
        return f"remark {self.pk}"
