"""The app of the declared indexes."""

from django.apps import AppConfig


class IndexAppConfig(AppConfig):
    name = "tests.indexapp"
    label = "indexapp"
    default_auto_field = "django.db.models.BigAutoField"
