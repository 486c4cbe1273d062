"""What nearly all shapes share: a timestamp with an index, and a policy on it."""

from datetime import timedelta

from django.db import models

from dbhealth.archive import ArchivePolicy

POLICY = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=90))


class Aged(models.Model):
    created_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        abstract = True


class Owner(models.Model):
    """What other shapes point at. It has no archive."""

    code = models.UUIDField(unique=True)
    label = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return self.label
