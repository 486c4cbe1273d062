"""The settings of a project whose TASKS are executed by a worker that reads the database."""

import django

from tests.settings import *  # noqa: F403 - a project with everything that the tests have
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django_tasks_db",
    # Django 6.0 and newer have the framework themselves.
    *(["django_tasks"] if django.VERSION < (6,) else []),
]
TASKS = {
    "default": {
        "BACKEND": "django_tasks_db.DatabaseBackend",
        "QUEUES": ["default", "dbhealth"],
    }
}
