"""What several tests of the move need."""

import pytest


@pytest.fixture(params=[True, False], ids=["checksum", "counts"])
def proof(request, settings):
    """Moves with a checksum over the rows, and with their counts alone."""
    settings.DBHEALTH = {"ARCHIVE_CHECKSUM": request.param}
