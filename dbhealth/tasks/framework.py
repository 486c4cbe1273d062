"""The executor of projects that have one already: a worker of Django's tasks framework.

That is ``django.tasks`` of Django 6.0 and newer, and the package django-tasks before.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from dbhealth.exceptions import ConfigurationError
from dbhealth.runs.background import Executor
from dbhealth.saying import say as _

BACKEND = "default"
"""Whose worker executes, by its alias in TASKS."""

_IN_THE_REQUEST = ("backends.immediate.ImmediateBackend", "backends.dummy.DummyBackend")
"""Backends that execute at once, or never."""


def package() -> str:
    """Return the name of the package that the framework is, empty where there is none."""
    names = ("django.tasks", "django_tasks")
    return next((name for name in names if find_spec(name) is not None), "")


def lacking() -> str:
    """Return what keeps tasks from being executed in the background, empty where nothing does.

    Raises ConfigurationError where TASKS names a backend that cannot be made.
    """
    name = package()
    if not name:
        return _("Before Django 6.0 that needs the package django-tasks: pip install django-tasks.")
    backend = _backend(name)
    if any(isinstance(backend, import_string(f"{name}.{path}")) for path in _IN_THE_REQUEST):
        return _(
            "TASKS[{backend!r}] is {name}, which executes nothing in the background: name the "
            "backend of a worker.",
            backend=BACKEND,
            name=type(backend).__name__,
        )
    return ""


def _backend(name: str) -> Any:
    framework = import_module(name)
    try:
        return framework.task_backends[BACKEND]
    except (ImproperlyConfigured, ImportError) as error:
        raise ConfigurationError(f"TASKS[{BACKEND!r}] cannot be used: {error}") from error


def queue() -> str:
    """Return the queue for runs: the one named dbhealth where TASKS has it, for its own worker."""
    names = _backend(package()).queues
    return next((name for name in ("dbhealth", "default") if name in names), None) or (
        min(names) if names else "default"
    )


def launch(alias: str, pk: int) -> None:
    """Hand a queued run to the worker and return at once."""
    # Not before: the decorator in it reads TASKS.
    from dbhealth.tasks.work import execute_run

    execute_run.enqueue(alias, pk)


EXECUTOR = Executor(name="tasks", text="by the worker of Django's TASKS", launch=launch)
