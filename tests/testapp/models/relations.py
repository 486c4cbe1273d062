"""Rows that point at rows."""

import uuid

from django.db import models

from dbhealth.archive import ArchiveModel

from .base import POLICY, Aged, Owner


class Note(Aged):
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="notes")
    other = models.ForeignKey("Owner", on_delete=models.SET_NULL, null=True, related_name="+")
    by_code = models.ForeignKey(
        Owner, to_field="code", on_delete=models.CASCADE, null=True, related_name="+"
    )
    single = models.OneToOneField(Owner, on_delete=models.CASCADE, null=True, related_name="note")
    loose = models.ForeignKey(
        Owner,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        db_column="LooseOwner",
        related_name="+",
    )


class NoteArchive(ArchiveModel, source=Note):
    policy = POLICY


class Comment(Aged):
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)


class CommentArchive(ArchiveModel, source=Comment):
    policy = POLICY


class UuidTree(Aged):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)
    friend = models.OneToOneField("UuidTree", on_delete=models.CASCADE, null=True, related_name="+")


class UuidTreeArchive(ArchiveModel, source=UuidTree):
    policy = POLICY


class CodeTree(Aged):
    code = models.CharField(max_length=20, unique=True)
    parent = models.ForeignKey("self", to_field="code", on_delete=models.CASCADE, null=True)


class CodeTreeArchive(ArchiveModel, source=CodeTree):
    policy = POLICY


class Ordered(Aged):
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE)

    class Meta:
        order_with_respect_to = "owner"


class OrderedArchive(ArchiveModel, source=Ordered):
    policy = POLICY
