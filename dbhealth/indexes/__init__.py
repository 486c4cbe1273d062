"""Indexes: what the code declares, what the database has, and what each is worth.

``register`` gives a table of somebody else an index; it is called in ``<app>/indexes.py``. This
module imports no models.
"""

from dbhealth.indexes.registry import register

__all__ = ["register"]
