"""The tables of the planning product.

Where an index begins with a foreign key, that key has db_index=False: the index that Django would
make for it by itself would only repeat the declared one.
"""

from .archives import (
    FeedbackLogArchive,
    GoalArchive,
    MediaAttachmentArchive,
    StorySessionArchive,
    TaskArchive,
)
from .events import FeedbackLog, StorySession
from .memory import MediaAttachment, MemoryItem, UserPreference
from .planning import Goal, LifeArea, Task

__all__ = [
    "FeedbackLog",
    "FeedbackLogArchive",
    "Goal",
    "GoalArchive",
    "LifeArea",
    "MediaAttachment",
    "MediaAttachmentArchive",
    "MemoryItem",
    "StorySession",
    "StorySessionArchive",
    "Task",
    "TaskArchive",
    "UserPreference",
]
