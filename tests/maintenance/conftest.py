"""Fixtures of the tests of upkeep."""

from tests.backends.conftest import backend, committed, run, second
from tests.maintenance.vacuuming import tables

__all__ = ["backend", "committed", "run", "second", "tables"]
