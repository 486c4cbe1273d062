"""Sources and their archives, by what is peculiar about them."""

from .base import *  # noqa: F403
from .keys import *  # noqa: F403
from .names import *  # noqa: F403
from .relations import *  # noqa: F403
from .tables import *  # noqa: F403
from .values import *  # noqa: F403
