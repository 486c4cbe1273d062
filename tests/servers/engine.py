"""Which engine this test run uses, and Django's DATABASES for it.

Everything that a worker or a child process must know travels in environment variables:

    DBHEALTH_TEST_ENGINE     what the caller chose: sqlite (default), postgresql18, postgresql15 …
    DBHEALTH_TEST_DIRECTORY  where the run keeps its SQLite files
    DBHEALTH_TEST_HOST       the socket directory of the run's PostgreSQL server
    DBHEALTH_TEST_MISSING    why the engine is not there (then every test is skipped)
    DBHEALTH_TEST_NAMES      JSON, alias -> database: children that share the databases of a test
"""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

ALIASES = ("default", "other")


def chosen_engine() -> str:
    """Return the engine's name as the caller gave it, checked."""
    name = os.environ.get("DBHEALTH_TEST_ENGINE") or "sqlite"
    if name != "sqlite" and not re.fullmatch(r"postgresql\d\d", name):
        raise ValueError(f"DBHEALTH_TEST_ENGINE is {name!r}; use sqlite, postgresql18 or the like.")
    return name


def postgres_major() -> int | None:
    """Return the major version of PostgreSQL to test on, None for SQLite."""
    name = chosen_engine()
    return None if name == "sqlite" else int(name.removeprefix("postgresql"))


def databases() -> dict[str, dict[str, Any]]:
    """Return DATABASES: the aliases `default` and `other`, both on the chosen engine."""
    names = json.loads(os.environ.get("DBHEALTH_TEST_NAMES", "{}"))
    build = _sqlite if postgres_major() is None else _postgresql
    return {alias: build(alias, names.get(alias)) for alias in ALIASES}


def _sqlite(alias: str, name: str | None) -> dict[str, Any]:
    """Files, not memory: concurrency tests open the database from several processes."""
    directory = Path(os.environ.get("DBHEALTH_TEST_DIRECTORY", tempfile.gettempdir()))
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name or str(directory / f"{alias}.sqlite3"),
        "TEST": {"NAME": str(directory / f"test_{alias}.sqlite3")},
    }


def _postgresql(alias: str, name: str | None) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name or f"dbhealth_{alias}",
        "USER": "postgres",
        "HOST": os.environ.get("DBHEALTH_TEST_HOST", ""),
        "PORT": "5432",
    }
