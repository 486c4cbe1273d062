"""The tests of every shape that is archived, run there and back."""

import pytest

from tests.archive import (
    test_shapes_conditions,
    test_shapes_keys,
    test_shapes_relations,
    test_shapes_tables,
    test_shapes_values,
)
from tests.archive.test_shapes_relations import owners  # noqa: F401 - a fixture of these tests
from tests.restore.back import shapes_of, there_and_back
from tests.testapp.moving import Move

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _and_back(monkeypatch):
    monkeypatch.setattr(Move, "run", there_and_back)


globals().update(
    shapes_of(
        test_shapes_conditions,
        test_shapes_keys,
        test_shapes_relations,
        test_shapes_tables,
        test_shapes_values,
    )
)
