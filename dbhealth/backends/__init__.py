"""All SQL of dbhealth, and the only place that holds a cursor.

``get_backend(alias)`` gives one object per database; its parts (``features``, ``session``,
``catalog``, ``rows``, ``statistics``, ``errors``) answer alike on every engine, or raise
NotSupported exactly as the feature flag says. Nothing above asks for the vendor.
"""

from __future__ import annotations

from importlib import import_module

from django.db import connections

from dbhealth.backends.base import Backend
from dbhealth.exceptions import UnsupportedEngine

__all__ = ["Backend", "get_backend", "is_supported"]

_ENGINES = {
    "postgresql": "dbhealth.backends.postgresql",
    "sqlite": "dbhealth.backends.sqlite",
}


def is_supported(alias: str) -> bool:
    """Return whether dbhealth knows the engine of ``alias``; connects to nothing."""
    return connections[alias].vendor in _ENGINES


def get_backend(alias: str) -> Backend:
    """Return the backend of the database ``alias``; connects to nothing.

    Raises UnsupportedEngine, naming the alias, for a vendor that dbhealth does not know.
    """
    vendor = connections[alias].vendor
    if vendor not in _ENGINES:
        known = " and ".join(sorted(_ENGINES))
        raise UnsupportedEngine(
            f"The database {alias!r} runs on {vendor}; dbhealth supports {known}. "
            f"Leave it out by naming another one with --database."
        )
    backend: Backend = import_module(_ENGINES[vendor]).build(alias)
    return backend
