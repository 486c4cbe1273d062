"""Writing to the run log without hanging and without giving up at the first lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DatabaseError, connections, transaction

from dbhealth.backends import Backend
from dbhealth.backends.limits import batch_limits
from dbhealth.backends.trouble import Trouble
from dbhealth.conf import get_settings
from dbhealth.runs.models import MaintenanceRun

Answer = TypeVar("Answer")

_LONGEST_PAUSE = 2.0
"""Seconds between two tries, at the most."""


@contextmanager
def bounded(backend: Backend, *, writes: bool = True) -> Iterator[None]:
    """Open a transaction on the run log that waits for locks only so long.

    Inside a transaction that is open already, whose waits are bounded, it is a part of that one
    which can fail without the rest.
    """
    if connections[backend.alias].in_atomic_block:
        with transaction.atomic(using=backend.alias):
            yield
        return
    limits = batch_limits()
    tables = (MaintenanceRun._meta.db_table,) if writes else ()
    with backend.executor.atomic(lock=limits.lock):
        backend.session.begin_batch(limits, tables)
        yield


def pause(tries: int) -> None:
    """Wait a little longer after every try; outside of any transaction."""
    time.sleep(min(_LONGEST_PAUSE, 0.05 * 2**tries))


def patiently(
    backend: Backend, work: Callable[[], Answer], *, only: Trouble | None = None
) -> Answer:
    """Return what ``work`` returns; try it again when a lock or a timeout stood in its way.

    ``only`` names the one trouble that is worth another try, where the others are not: what has
    read for minutes until it was stopped would do so again. ``work`` must be safe to repeat.
    Raises the last error after DBHEALTH["BATCH_RETRIES"] tries.
    """
    for tries in range(get_settings().batch_retries):
        try:
            return work()
        except DatabaseError as error:
            trouble = backend.errors.trouble(error)
            if not trouble.passes or only not in {None, trouble}:
                raise
        pause(tries)
    return work()
