"""How long the two high-volume tables and the finished goals are kept, and where they go then."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from dbhealth.archive import ArchiveModel, ArchivePolicy

from .events import FeedbackLog, StorySession
from .memory import MediaAttachment
from .planning import Goal, Task


class FeedbackLogArchive(ArchiveModel, source=FeedbackLog):
    policy = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=90))

    class Meta:
        db_table = "feedback_logs_archive"


class StorySessionArchive(ArchiveModel, source=StorySession):
    policy = ArchivePolicy(
        timestamp_field="created_at",
        retention=timedelta(days=365),
        # What `manage.py purge_archive` deletes: stories that nobody has asked for in ten years.
        purge_after=timedelta(days=3650),
    )

    class Meta:
        db_table = "story_sessions_archive"
        indexes = [models.Index(fields=["archived_at"], name="ix_story_archive_archived_at")]


class MediaAttachmentArchive(ArchiveModel, source=MediaAttachment):
    policy = ArchivePolicy(timestamp_field="created_at")


class TaskArchive(ArchiveModel, source=Task):
    """Tasks without a goal are nobody's children, and stay."""

    policy = ArchivePolicy(timestamp_field="updated_at", children=[MediaAttachmentArchive])


class GoalArchive(ArchiveModel, source=Goal):
    """Attachments belong to a goal itself or to one of its tasks; they leave either way."""

    policy = ArchivePolicy(
        timestamp_field="updated_at",
        retention=timedelta(days=365),
        where=Q(status__in=(Goal.Status.ACHIEVED, Goal.Status.ABANDONED)),
        children=[TaskArchive, MediaAttachmentArchive],
    )
