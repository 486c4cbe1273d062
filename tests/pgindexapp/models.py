"""Every sort of index that Django can declare on PostgreSQL alone."""
# Indexes are what counts here, whatever one may think of the style.
# ruff: noqa: DJ008

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import (
    BrinIndex,
    BTreeIndex,
    GinIndex,
    GistIndex,
    HashIndex,
    OpClass,
    SpGistIndex,
)
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Collate, Upper


class Room(models.Model):
    name = models.CharField(max_length=40, db_collation="C")
    slug = models.SlugField()
    words = ArrayField(models.CharField(max_length=20), default=list)
    facts = models.JSONField(default=dict)
    booked = DateTimeRangeField(null=True)
    floor = models.IntegerField(null=True)
    area = models.FloatField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="room_apart",
                expressions=[("booked", RangeOperators.OVERLAPS)],
                condition=Q(floor__gt=0),
            ),
            models.UniqueConstraint(
                fields=["name", "floor"], nulls_distinct=False, name="room_name_floor"
            ),
            models.UniqueConstraint(fields=["name"], include=["area"], name="room_name"),
            models.UniqueConstraint(
                fields=["slug", "area"], deferrable=models.Deferrable.DEFERRED, name="room_later"
            ),
            models.UniqueConstraint(
                fields=["slug"], opclasses=["varchar_pattern_ops"], name="room_slug_like"
            ),
        ]
        indexes = [
            models.Index(fields=["floor"], include=["area"], name="room_covering"),
            models.Index(fields=["slug"], opclasses=["varchar_pattern_ops"], name="room_opclass"),
            # The class that the engine takes by itself: the same as saying nothing.
            models.Index(fields=["floor"], opclasses=["int4_ops"], name="room_usual_opclass"),
            models.Index(Collate("slug", "C"), name="room_collation"),
            models.Index(F("floor").desc(nulls_last=True), "area", name="room_nulls"),
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="room_upper"),
            models.Index(
                fields=["area"], condition=Q(floor__in=[1, 2], name__gt="a"), name="room_partial"
            ),
            GinIndex(fields=["words"], name="room_gin"),
            GinIndex(fields=["facts"], opclasses=["jsonb_path_ops"], name="room_gin_opclass"),
            GistIndex(fields=["booked"], name="room_gist"),
            SpGistIndex(fields=["booked"], name="room_spgist"),
            BrinIndex(fields=["area"], pages_per_range=16, name="room_brin"),
            HashIndex(fields=["slug"], name="room_hash"),
            BTreeIndex(fields=["area"], fillfactor=70, name="room_btree"),
        ]
