"""Sharing the write lock of a file with those who wait for it while batch follows batch.

SQLite keeps no queue. Who finds the file locked asks again after 1, 2, 5, 10 and more milliseconds,
from the twelfth time on every 100, and gives up with "database is locked" after its `timeout`
(Django: 5 seconds). A run that takes the lock again at once is hardly ever met between two batches:
beside a run of some minutes, request after request of a website that writes would fail.

The delays: sqliteDefaultBusyCallback in https://www.sqlite.org/src/file/src/main.c
"""

from __future__ import annotations

import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper

_PAUSE = 0.12
"""Seconds in which everybody who waits asks at least once."""

_OFTEN = 0.25
"""Where others write, they may after the lock was held for so many seconds."""

_SELDOM = 3.0
"""Where nobody does: less than the `timeout` that Django gives whoever comes now."""

_LATER = 4
"""After a pause that nobody used the next one comes so many times later."""


class Sharing:
    """Counts how long a connection has held the write lock, and leaves it to others in between."""

    def __init__(self) -> None:
        """Begin as if others wrote."""
        self._held, self._bound = 0.0, _OFTEN
        self._version: object = None

    def held(self, seconds: float, version: Callable[[], object]) -> None:
        """Take down that the lock was held for ``seconds``; pause where others are to have it.

        ``version`` returns what changes whenever another connection has committed. After a pause
        without such a change the next one comes later.
        """
        self._held += seconds
        if self._held < self._bound:
            if self._version is None:
                self._version = version()
            return
        time.sleep(_PAUSE)
        before, self._version = self._version, version()
        self._held = 0.0
        self._bound = min(_SELDOM, self._bound * _LATER) if before == self._version else _OFTEN


_SHARING: WeakKeyDictionary[BaseDatabaseWrapper, Sharing] = WeakKeyDictionary()


def sharing_of(connection: BaseDatabaseWrapper) -> Sharing:
    """Return what a connection has to go by; runs of many small tables share it."""
    return _SHARING.setdefault(connection, Sharing())
