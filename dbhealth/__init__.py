"""dbhealth keeps a Django project's database healthy for years.

Old rows leave the hot tables without anything being lost, and everything that was done is
on record. This module imports no models, so that it is safe to import from settings.
"""

import logging

# Where a project has not configured logging, Python would print our errors, traceback and all,
# beside the sentence that the command shows. https://docs.python.org/3/howto/logging.html
logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"

__all__ = ["__version__"]
