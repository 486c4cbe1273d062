"""Fixtures of the tests of indexes."""

from tests.indexes.building import whole

__all__ = ["whole"]
