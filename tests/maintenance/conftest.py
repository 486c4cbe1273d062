"""Fixtures of the tests of upkeep."""

from tests.maintenance.vacuuming import tables

__all__ = ["tables"]
