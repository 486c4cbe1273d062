"""The app of PostgreSQL's own indexes."""

from django.apps import AppConfig


class PgIndexAppConfig(AppConfig):
    name = "tests.pgindexapp"
    label = "pgindexapp"
    default_auto_field = "django.db.models.BigAutoField"
