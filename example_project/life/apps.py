"""The app life."""

from django.apps import AppConfig


class LifeConfig(AppConfig):
    name = "example_project.life"
