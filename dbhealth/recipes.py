"""The few sequences that cross topics."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import connections

from dbhealth.archive.stats import get_archival_stats
from dbhealth.backends import get_backend, is_supported


def database_stats(using: str | None = None, *, largest: int = 10) -> dict[str, Any]:
    """Return the sizes of the databases and the figures of all tables with a policy.

    ``using`` None: all databases that dbhealth supports. Sizes are bytes.
    """
    aliases = [using] if using is not None else [a for a in connections if is_supported(a)]
    return {
        "databases": {alias: _database(alias, largest) for alias in aliases},
        "archives": get_archival_stats(using),
    }


def _database(alias: str, largest: int) -> dict[str, Any]:
    backend = get_backend(alias)
    return {
        "alias": alias,
        "engine": backend.features.name,
        "bytes": backend.statistics.database_bytes(),
        "largest": [asdict(size) for size in backend.statistics.largest(largest)],
    }
