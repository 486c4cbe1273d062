"""The two tables that grow fastest: every reaction of a user, and every story told from a day."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class FeedbackLog(models.Model):
    class FeedbackType(models.TextChoices):
        IMPLICIT = "implicit"
        POSITIVE = "positive"
        NEGATIVE = "negative"
        CORRECTION = "correction"
        RATING = "rating"

    class ContextType(models.TextChoices):
        TASK = "task"
        SUGGESTION = "suggestion"
        GOAL = "goal"
        REMINDER = "reminder"
        STORY = "story"
        CHAT = "chat"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="feedback", db_index=False
    )
    session_id = models.CharField(max_length=36)
    feedback_type = models.CharField(max_length=16, choices=FeedbackType.choices)
    context_type = models.CharField(max_length=16, choices=ContextType.choices)
    # The row this is about, in the table that context_type names; it may be gone by now.
    context_id = models.BigIntegerField(null=True, blank=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    comment = models.TextField(blank=True)
    payload = models.JSONField(default=dict, blank=True)
    app_version = models.CharField(max_length=16)
    # When it happened, which a phone without network may report much later.
    created_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "feedback_logs"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_feedback_user_created"),
            models.Index(fields=["user", "feedback_type"], name="ix_feedback_user_type"),
            models.Index(fields=["context_type", "-created_at"], name="ix_feedback_context"),
            models.Index(fields=["session_id", "-created_at"], name="ix_feedback_session"),
            models.Index(fields=["processed_at"], name="ix_feedback_processed"),
        ]

    def __str__(self) -> str:
        return f"{self.feedback_type} on {self.context_type} {self.context_id or ''}".rstrip()


class StorySession(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        PROCESSING = "processing"
        COMPLETED = "completed"
        FAILED = "failed"

    class Period(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        YEAR = "year"

    class ContentType(models.TextChoices):
        TEXT = "text"
        IMAGE = "image"
        VIDEO = "video"
        AUDIO = "audio"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="stories", db_index=False
    )
    title = models.CharField(max_length=200)
    content_type = models.CharField(max_length=16, choices=ContentType.choices)
    summary_period = models.CharField(max_length=16, choices=Period.choices)
    processing_status = models.CharField(
        max_length=16, choices=Status.choices, default=Status.PENDING
    )
    story = models.TextField(blank=True)
    media = models.JSONField(default=list, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    # NULL: has not failed
    error_message = models.TextField(null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    posted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "story_sessions"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_story_user_created"),
            models.Index(fields=["user", "processing_status"], name="ix_story_user_status"),
            models.Index(fields=["user", "summary_period"], name="ix_story_user_period"),
            models.Index(fields=["posted_at"], name="ix_story_posted_at"),
            models.Index(fields=["content_type", "-created_at"], name="ix_story_content_type"),
        ]

    def __str__(self) -> str:
        return self.title
