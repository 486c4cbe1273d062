"""A fixture for the tests of a project that uses dbhealth; pytest finds it by its entry point.

pytest reads this file in every run of everybody who has dbhealth installed, before Django is set
up: so it imports nothing but pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dbhealth.indexes.testing import AssertUsesIndex


@pytest.fixture
def assert_uses_index() -> AssertUsesIndex:
    """Return :func:`dbhealth.indexes.testing.assert_uses_index`; the test still asks for ``db``."""
    from dbhealth.indexes.testing import assert_uses_index

    return assert_uses_index
