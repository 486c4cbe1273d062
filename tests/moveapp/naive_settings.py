"""A project without time zone support, far from UTC, by default where no clock is ever changed."""

import os

from tests.settings import *  # noqa: F403

USE_TZ = False
TIME_ZONE = os.environ.get("DBHEALTH_TEST_ZONE", "America/Bogota")
