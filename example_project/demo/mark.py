"""Tells whether a database holds the demo, nothing, or rows that somebody else made."""

from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder

from example_project.life.models import UserPreference

from .life import MARK_KEY
from .users import MARK

APPS = ("accounts", "chat", "life", "documents", "stock")


def demo_in_database() -> dict[str, Any] | None:
    """Return what the demo in this database was made of (rows, day, seed), None without one."""
    if ("life", "0001_initial") not in MigrationRecorder(connection).applied_migrations():
        return None
    mark = UserPreference.objects.filter(user__username=MARK, key=MARK_KEY).first()
    return mark.value if mark else None


def foreign_tables() -> list[str]:
    """Return the tables that the demo would fill and that hold rows already."""
    existing = set(connection.introspection.table_names())
    return [
        model._meta.db_table
        for model in filled_models()
        if model._meta.db_table in existing and model._base_manager.exists()
    ]


def filled_models() -> list[type[models.Model]]:
    """Return the models whose tables the demo fills, archives left out."""
    own = [model for label in APPS for model in apps.get_app_config(label).get_models()]
    return [model for model in own if not hasattr(model, "policy")] + [Session, LogEntry]
