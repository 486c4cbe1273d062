"""The app's configuration."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tests.shopapp"
    label = "shopapp"
    default_auto_field = "django.db.models.BigAutoField"
