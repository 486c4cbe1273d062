"""All SQL of dbhealth, and the only place that holds a cursor.

``get_backend(alias)`` gives one object per database; its parts (``features``, ``session``,
``catalog``, ``rows``, ``digest``, ``statistics``, ``errors``) answer alike on every engine, or
raise NotSupported exactly as the feature flag says. Nothing above asks for the vendor.
"""

from __future__ import annotations

import difflib
from importlib import import_module

from django.db import connections

from dbhealth.backends.base import Backend
from dbhealth.exceptions import UnsupportedEngine, UsageError

__all__ = ["Backend", "check_alias", "get_backend", "is_supported"]

_ENGINES = {
    "postgresql": "dbhealth.backends.postgresql",
    "sqlite": "dbhealth.backends.sqlite",
}


def check_alias(alias: str) -> None:
    """Raise UsageError, with what there is, unless DATABASES has ``alias``."""
    if alias in connections:
        return
    close = difflib.get_close_matches(alias, list(connections), n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"There is {', '.join(connections)}."
    raise UsageError(f"There is no database {alias!r} in DATABASES. {hint}")


def is_supported(alias: str) -> bool:
    """Return whether dbhealth knows the engine of ``alias``; connects to nothing."""
    return connections[alias].vendor in _ENGINES


def get_backend(alias: str) -> Backend:
    """Return the backend of the database ``alias``; connects to nothing.

    Raises UnsupportedEngine, naming the alias, for a vendor that dbhealth does not know, and
    UsageError for an alias that DATABASES does not have.
    """
    check_alias(alias)
    connection = connections[alias]
    if connection.vendor not in _ENGINES:
        raise UnsupportedEngine(
            f"The database {alias!r} has the engine {connection.settings_dict['ENGINE']}; dbhealth "
            "supports PostgreSQL and SQLite. Name a database on one of these with --database, or "
            "route the models with an archive to it."
        )
    backend: Backend = import_module(_ENGINES[connection.vendor]).build(alias)
    return backend
