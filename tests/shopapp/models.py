"""Parcels that are archived, labels that point at them, readings with a UUID and a condition."""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q

from dbhealth.archive import ArchiveModel, ArchivePolicy


class Parcel(models.Model):
    number = models.CharField(max_length=40, unique=True)
    sent_at = models.DateTimeField(null=True, db_index=True)
    weight = models.DecimalField(max_digits=8, decimal_places=2, default=1)
    slip = models.FileField(blank=True)

    class Meta:
        db_table = "shop_parcels"

    def __str__(self) -> str:
        return self.number


class ParcelArchive(ArchiveModel, source=Parcel):
    policy = ArchivePolicy(timestamp_field="sent_at", retention=timedelta(days=90))


class Label(models.Model):
    """Holds its parcel in the table, because nothing archives labels."""

    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE)
    text = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "shop_labels"

    def __str__(self) -> str:
        return self.text


class Reading(models.Model):
    """A table name with capitals, a key that is not a number, and a day in place of a moment."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    taken_on = models.DateField(db_index=True)
    checked = models.BooleanField(default=False)
    remark = models.TextField(blank=True)

    class Meta:
        db_table = "Shop_Readings"

    def __str__(self) -> str:
        return str(self.id)


class ReadingArchive(ArchiveModel, source=Reading):
    policy = ArchivePolicy(
        timestamp_field="taken_on",
        retention=timedelta(days=30),
        where=Q(checked=True),
        batch_size=200,
    )


class Interaction(models.Model):
    """A name as long as names get, for everything that has to fit on a terminal."""

    happened_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "shop_customer_interaction_events_of_all_sales_channels"

    def __str__(self) -> str:
        return str(self.happened_at)


class InteractionArchive(ArchiveModel, source=Interaction):
    policy = ArchivePolicy(timestamp_field="happened_at", retention=timedelta(days=400))
