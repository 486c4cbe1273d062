"""The tests of the shapes that only PostgreSQL has, run there and back."""

import pytest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

pytest.importorskip("psycopg")

from tests.servers.engine import postgres_major  # noqa: E402

if postgres_major() is None:
    pytest.skip("Needs PostgreSQL; this run is on SQLite.", allow_module_level=True)

from tests.archive import test_shapes_postgresql  # noqa: E402
from tests.archive.test_shapes_postgresql import other_schema  # noqa: E402, F401 - a fixture
from tests.restore.back import shapes_of, there_and_back  # noqa: E402
from tests.testapp.moving import Move  # noqa: E402


@pytest.fixture(autouse=True)
def _and_back(monkeypatch):
    monkeypatch.setattr(Move, "run", there_and_back)


globals().update(shapes_of(test_shapes_postgresql))
