"""The app stock."""

from django.apps import AppConfig


class StockConfig(AppConfig):
    name = "example_project.stock"
