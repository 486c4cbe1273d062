"""A session of one's own for a while, beside the one that the thread has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


def has_room_apart(alias: str) -> bool:
    """Return whether :func:`apart` would disturb nobody.

    Not while the thread has a transaction open: whatever comes in between only prolongs it.
    """
    connection = connections[alias]
    # A connection that was never opened says that it is not in autocommit.
    outside = connection.connection is None or connection.get_autocommit()
    return outside and not connection.in_atomic_block


@contextmanager
def apart(alias: str, *, wait: float) -> Iterator[None]:
    """Let everything that the block does on ``alias`` happen in a session opened for it.

    So nothing of it can be seen in the thread's own session: no lastval(), no setting, no lock, no
    broken transaction. A database in memory exists in its one session only, so that is used.

    ``wait`` bounds every wait for SQLite's lock, COMMIT's as well (seconds): who waits may be the
    very thread whose own session holds it, by a query that it has not read to the end.
    """
    own = connections[alias]
    in_memory = getattr(own, "is_in_memory_db", None)
    if in_memory is not None and in_memory():
        yield
        return
    fresh = another(alias)
    if fresh.vendor == "sqlite":
        fresh.settings_dict["OPTIONS"]["timeout"] = wait
    with instead(fresh):
        yield


def another(alias: str) -> BaseDatabaseWrapper:
    """Return a further connection to a database, not opened yet."""
    fresh = connections[alias].copy()
    # A pool may have no connection left but the one that this thread holds.
    fresh.settings_dict["OPTIONS"].pop("pool", None)
    return fresh


@contextmanager
def instead(fresh: BaseDatabaseWrapper) -> Iterator[None]:
    """Let the thread use a connection instead of its own inside the block, and close it then."""
    own = connections[fresh.alias]
    connections[fresh.alias] = fresh
    try:
        yield
    finally:
        connections[fresh.alias] = own
        fresh.close()
