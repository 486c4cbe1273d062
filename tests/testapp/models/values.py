"""Columns of every type that both engines have, and columns that fill themselves."""
# Shapes are what counts here, whatever one may think of their style.
# ruff: noqa: DJ001, DJ008

import uuid

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Concat, Now

from dbhealth.archive import ArchiveModel

from .base import POLICY, Aged


class Level(models.IntegerChoices):
    LOW = 1, "low"
    HIGH = 2, "high"


class EveryType(Aged):
    char = models.CharField(max_length=80, null=True)
    text = models.TextField(null=True)
    slug = models.SlugField(null=True)
    email = models.EmailField(null=True)
    url = models.URLField(null=True)
    address = models.GenericIPAddressField(null=True)
    flag = models.BooleanField(null=True)
    small = models.SmallIntegerField(null=True)
    integer = models.IntegerField(null=True)
    big = models.BigIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    real = models.FloatField(null=True)
    decimal = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    binary = models.BinaryField(null=True)
    document = models.JSONField(null=True)
    date = models.DateField(null=True)
    time = models.TimeField(null=True)
    moment = models.DateTimeField(null=True)
    duration = models.DurationField(null=True)
    uuid = models.UUIDField(null=True)
    file = models.FileField(upload_to="files/%Y", max_length=200, null=True)
    path = models.FilePathField(path="/", null=True)
    level = models.IntegerField(choices=Level, null=True)


class EveryTypeArchive(ArchiveModel, source=EveryType):
    policy = POLICY


class Automatic(models.Model):
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)
    day = models.DateField(auto_now_add=True)
    token = models.UUIDField(default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=20, default="new")
    filled = models.CharField(max_length=20, db_default="by the database")
    stamped = models.DateTimeField(db_default=Now())


class AutomaticArchive(ArchiveModel, source=Automatic):
    policy = POLICY


class Generated(Aged):
    first = models.CharField(max_length=40)
    last = models.CharField(max_length=40, null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    amount = models.IntegerField()
    full = models.GeneratedField(
        expression=Concat(F("first"), Value(" "), F("last")),
        output_field=models.TextField(),
        db_persist=True,
    )
    total = models.GeneratedField(
        expression=F("price") * F("amount"),
        output_field=models.DecimalField(max_digits=20, decimal_places=2),
        db_persist=True,
        db_column="Total",
    )


class GeneratedArchive(ArchiveModel, source=Generated):
    policy = POLICY


class GeneratedTime(models.Model):
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    created_at = models.GeneratedField(
        expression=Coalesce("closed_at", "opened_at"),
        output_field=models.DateTimeField(),
        db_persist=True,
        db_index=True,
    )


class GeneratedTimeArchive(ArchiveModel, source=GeneratedTime):
    policy = POLICY
