"""A table like the feedback log of a product: rows of about 250 bytes, six indexes."""

from datetime import timedelta
from typing import ClassVar

from django.db import models

from dbhealth.archive import ArchiveModel, ArchivePolicy


class BenchEvent(models.Model):
    """An event of a user."""

    user_id = models.BigIntegerField()
    feedback_type = models.CharField(max_length=20)
    context_type = models.CharField(max_length=20)
    session_id = models.BigIntegerField()
    content = models.TextField()
    created_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="bench_created"),
            models.Index(fields=["user_id", "-created_at"], name="bench_user_created"),
            models.Index(fields=["user_id", "feedback_type"], name="bench_user_type"),
            models.Index(fields=["context_type", "-created_at"], name="bench_context"),
            models.Index(fields=["session_id", "-created_at"], name="bench_session"),
            models.Index(fields=["processed_at"], name="bench_processed"),
        ]

    def __str__(self) -> str:
        return f"{self.feedback_type} {self.pk}"


class BenchEventArchive(ArchiveModel, source=BenchEvent):
    """Where old events go."""

    policy = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=90))
