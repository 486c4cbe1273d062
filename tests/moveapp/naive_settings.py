"""A project without time zone support, far from UTC, where no clock is ever changed."""

from tests.settings import *  # noqa: F403

USE_TZ = False
TIME_ZONE = "America/Bogota"
