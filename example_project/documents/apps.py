"""The app documents."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "example_project.documents"
