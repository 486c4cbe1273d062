"""Arrays, ranges, a table of another schema, a partitioned table."""
# Shapes are what counts here, whatever one may think of their style.
# ruff: noqa: DJ001, DJ008

from datetime import timedelta

from django.contrib.postgres import fields
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from dbhealth.archive import ArchiveModel, ArchivePolicy
from tests.testapp.models import POLICY, Aged


class Arrays(Aged):
    words = fields.ArrayField(models.CharField(max_length=20), size=9, null=True)
    matrix = fields.ArrayField(fields.ArrayField(models.IntegerField(null=True)), null=True)
    moments = fields.ArrayField(models.DateTimeField(), default=list)

    class Meta:
        indexes = [GinIndex(fields=["words"], name="arrays_words")]


class ArraysArchive(ArchiveModel, source=Arrays):
    policy = POLICY


class Ranges(Aged):
    numbers = fields.IntegerRangeField(null=True)
    big = fields.BigIntegerRangeField(null=True)
    decimals = fields.DecimalRangeField(null=True)
    moments = fields.DateTimeRangeField(null=True, default_bounds="[]")
    days = fields.DateRangeField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="ranges_apart", expressions=[("numbers", RangeOperators.OVERLAPS)]
            )
        ]


class RangesArchive(ArchiveModel, source=Ranges):
    policy = POLICY


class OtherSchema(Aged):
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)
    text = models.TextField()

    class Meta:
        db_table = 'Other Place"."Things'


class OtherSchemaArchive(ArchiveModel, source=OtherSchema):
    policy = POLICY


class QuotedSchema(Aged):
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)
    text = models.TextField()

    class Meta:
        db_table = '"Other Place"."Quoted"'


class QuotedSchemaArchive(ArchiveModel, source=QuotedSchema):
    policy = POLICY


class Infinite(models.Model):
    day = models.DateField(null=True, db_index=True)
    moment = models.DateTimeField(null=True)


class InfiniteArchive(ArchiveModel, source=Infinite):
    policy = ArchivePolicy(timestamp_field="day", retention=timedelta(days=30))


class Partitioned(models.Model):
    """A partitioned table; a migration of this app makes it in SQL."""

    pk = models.CompositePrimaryKey("id", "created_at")
    id = models.BigIntegerField()
    created_at = models.DateTimeField(db_index=True)
    text = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "pgapp_partitioned"


class PartitionedArchive(ArchiveModel, source=Partitioned):
    policy = POLICY
