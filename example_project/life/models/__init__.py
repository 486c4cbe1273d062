"""The tables of the planning product.

Where an index begins with a foreign key, that key has db_index=False: the index that Django would
make for it by itself would only repeat the declared one.
"""

from .archives import FeedbackLogArchive, StorySessionArchive
from .events import FeedbackLog, StorySession
from .memory import MediaAttachment, MemoryItem, UserPreference
from .planning import Goal, LifeArea, Task

__all__ = [
    "FeedbackLog",
    "FeedbackLogArchive",
    "Goal",
    "LifeArea",
    "MediaAttachment",
    "MemoryItem",
    "StorySession",
    "StorySessionArchive",
    "Task",
    "UserPreference",
]
