"""dbhealth keeps a Django project's database healthy for years.

Old rows leave the hot tables without anything being lost, and everything that was done is
on record. This module imports no models, so that it is safe to import from settings.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
