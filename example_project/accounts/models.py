"""The users of all apps, and archives of two tables that belong to Django.

An archive model may stand in any app: that of a table one does not own stands in one's own.
"""

from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.models import Session
from django.db import models

from dbhealth.archive import ArchiveModel, ArchivePolicy


class User(AbstractUser):
    class Role(models.TextChoices):
        ADMIN = "admin"
        USER = "user"

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.USER)
    # NULL: never connected to GitHub
    github_username = models.CharField(max_length=39, null=True, blank=True)  # noqa: DJ001

    class Meta(AbstractUser.Meta):
        db_table = "users"
        indexes = [
            models.Index(fields=["role"], name="idx_users_role"),
            models.Index(fields=["is_active"], name="idx_users_is_active"),
            models.Index(fields=["github_username"], name="idx_users_github_username"),
            models.Index(fields=["last_login"], name="idx_users_last_login"),
        ]


class LogEntryArchive(ArchiveModel, source=LogEntry):
    policy = ArchivePolicy(timestamp_field="action_time", retention=timedelta(days=365))


class SessionArchive(ArchiveModel, source=Session):
    policy = ArchivePolicy(timestamp_field="expire_date", retention=timedelta(days=30))
