"""What the tests of executors share: children that use the test's databases, and their ends."""

import threading
from collections.abc import Iterator

import pytest

from tests.moveapp.tools import PATIENCE


@pytest.fixture
def children(process_environment, monkeypatch) -> Iterator[None]:
    """Let processes that the code starts find the test's databases; wait for their watchers."""
    for name, value in process_environment().items():
        monkeypatch.setenv(name, value)
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("dbhealth-run-"):
            thread.join(PATIENCE)
            assert not thread.is_alive(), "A detached process has not ended."
