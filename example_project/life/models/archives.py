"""How long the two high-volume tables keep their rows, and where the older ones go."""

from datetime import timedelta

from dbhealth.archive import ArchiveModel, ArchivePolicy

from .events import FeedbackLog, StorySession


class FeedbackLogArchive(ArchiveModel, source=FeedbackLog):
    policy = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=90))

    class Meta:
        db_table = "feedback_logs_archive"


class StorySessionArchive(ArchiveModel, source=StorySession):
    policy = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=365))

    class Meta:
        db_table = "story_sessions_archive"
