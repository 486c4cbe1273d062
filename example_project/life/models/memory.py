"""What belongs to people and their plans: attachments, memories, preferences."""

from django.conf import settings
from django.db import models

from .planning import Goal, Task


class MediaAttachment(models.Model):
    class FileType(models.TextChoices):
        IMAGE = "image"
        VIDEO = "video"
        AUDIO = "audio"
        DOCUMENT = "document"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="media", db_index=False
    )
    goal = models.ForeignKey(
        Goal, models.SET_NULL, null=True, blank=True, related_name="media", db_index=False
    )
    task = models.ForeignKey(
        Task, models.SET_NULL, null=True, blank=True, related_name="media", db_index=False
    )
    file = models.FileField(upload_to="media/%Y/%m", max_length=255)
    file_type = models.CharField(max_length=16, choices=FileType.choices)
    size_bytes = models.PositiveBigIntegerField()
    caption = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "media_attachments"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_media_user_created"),
            models.Index(fields=["user", "file_type"], name="ix_media_user_type"),
            models.Index(fields=["goal", "-created_at"], name="ix_media_goal"),
            models.Index(fields=["task", "-created_at"], name="ix_media_task"),
        ]

    def __str__(self) -> str:
        return self.caption or self.file.name


class MemoryItem(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memory_items", db_index=False
    )
    content = models.TextField()
    source = models.CharField(max_length=32)
    importance = models.FloatField(default=0.5)
    details = models.JSONField(default=dict, blank=True)
    timestamp = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "memory_items"
        indexes = [
            models.Index(fields=["user", "-timestamp"], name="ix_memory_user_timestamp"),
        ]

    def __str__(self) -> str:
        return self.content[:60]


class UserPreference(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="preferences", db_index=False
    )
    key = models.CharField(max_length=64)
    value = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "user_preferences"
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="uq_user_prefs_user_key"),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_user_prefs_user_created"),
        ]

    def __str__(self) -> str:
        return self.key
