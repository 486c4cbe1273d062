"""Primary keys of every kind."""

import uuid

from django.db import models

from dbhealth.archive import ArchiveModel

from .base import POLICY, Aged, Owner


class AutoKey(Aged):
    id = models.AutoField(primary_key=True)
    text = models.TextField()


class AutoKeyArchive(ArchiveModel, source=AutoKey):
    policy = POLICY


class BigAutoKey(Aged):
    id = models.BigAutoField(primary_key=True)
    text = models.TextField()


class BigAutoKeyArchive(ArchiveModel, source=BigAutoKey):
    policy = POLICY


class SmallAutoKey(Aged):
    id = models.SmallAutoField(primary_key=True)
    text = models.TextField()


class SmallAutoKeyArchive(ArchiveModel, source=SmallAutoKey):
    policy = POLICY


class PlainIntegerKey(Aged):
    number = models.BigIntegerField(primary_key=True)


class PlainIntegerKeyArchive(ArchiveModel, source=PlainIntegerKey):
    policy = POLICY


class UuidKey(Aged):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = models.TextField()


class UuidKeyArchive(ArchiveModel, source=UuidKey):
    policy = POLICY


class TextKey(Aged):
    name = models.CharField(max_length=300, primary_key=True)


class TextKeyArchive(ArchiveModel, source=TextKey):
    policy = POLICY


class BytesKey(Aged):
    digest = models.BinaryField(primary_key=True)


class BytesKeyArchive(ArchiveModel, source=BytesKey):
    policy = POLICY


class MomentKey(Aged):
    moment = models.DateTimeField(primary_key=True)


class MomentKeyArchive(ArchiveModel, source=MomentKey):
    policy = POLICY


class DecimalKey(Aged):
    amount = models.DecimalField(primary_key=True, max_digits=14, decimal_places=4)


class DecimalKeyArchive(ArchiveModel, source=DecimalKey):
    policy = POLICY


class CompositeKey(Aged):
    pk = models.CompositePrimaryKey("region", "number")
    region = models.CharField(max_length=40)
    number = models.IntegerField()
    text = models.TextField()


class CompositeKeyArchive(ArchiveModel, source=CompositeKey):
    policy = POLICY


class CompositeReferenceKey(Aged):
    pk = models.CompositePrimaryKey("number", "owner_id")
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE)
    number = models.BigIntegerField()


class CompositeReferenceKeyArchive(ArchiveModel, source=CompositeReferenceKey):
    policy = POLICY


class OneToOneKey(Aged):
    owner = models.OneToOneField(Owner, on_delete=models.CASCADE, primary_key=True)
    text = models.TextField()


class OneToOneKeyArchive(ArchiveModel, source=OneToOneKey):
    policy = POLICY
