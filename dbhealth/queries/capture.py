"""The recorder: looks at a share of the application's statements and counts what they use.

A look costs a few microseconds and never runs SQL. Plans are asked for and counts are written at
most every RECORD_SECONDS, before a statement outside of any transaction or behind a request, in a
session opened for it, and once more at the end of the process. So a crash loses at most what has
been counted since then.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import random
from threading import Lock, local
from time import monotonic
from typing import Any

from django.core.signals import request_finished
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from dbhealth.backends import check_alias, get_backend, is_supported
from dbhealth.conf import get_settings
from dbhealth.exceptions import ConfigurationError
from dbhealth.queries.memory import Memory
from dbhealth.queries.statements import is_worth_a_plan
from dbhealth.queries.writing import HURRIED, UNHURRIED, Patience, Writer

log = logging.getLogger("dbhealth.queries")


class _Thread(local):
    """What a thread is in the middle of."""

    writing = False
    blocks = 0


class Recorder:
    """The one of this process: :data:`RECORDER`."""

    def __init__(self) -> None:
        """Begin with an empty memory."""
        self.memory = Memory()
        self._thread = _Thread()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything; the next writing is a full interval away."""
        self.memory.clear()
        self._writer = Writer(self.memory)
        # Held by a thread that a forked child does not have, it would be held for ever.
        self._one_writes = Lock()
        self._written = monotonic()

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        """Run a statement of the application and perhaps count it: an execute wrapper.

        Writing comes before the statement: behind it the application has its rows still to read,
        and SQLite lets nobody write as long as it does.
        """
        share = 0.0
        # Nothing that goes wrong here may reach the application's query.
        try:
            if share := self._share():
                self.write_when_due(context["connection"].in_atomic_block)
        except Exception:
            log.debug("Recorded uses could not be written.", exc_info=True)
        result = execute(sql, params, many, context)
        try:
            if share and not many and random() < share:  # noqa: S311 - chance, not a secret
                self._look(context["connection"], sql, params, share)
        except Exception:
            log.debug("A statement could not be recorded.", exc_info=True)
        return result

    def _share(self) -> float:
        if self._thread.writing:
            return 0.0
        if self._thread.blocks:
            return 1.0
        settings = get_settings()
        return settings.record_sample if settings.record_index_use else 0.0

    def _look(self, connection: BaseDatabaseWrapper, sql: Any, params: Any, share: float) -> None:
        if not is_worth_a_plan(sql):
            return
        self.memory.note(
            (connection.alias, str(connection.settings_dict["NAME"])),
            sql,
            params,
            executions=1 / share,
            most=get_settings().record_statements,
            clock=monotonic(),
        )

    def write_when_due(self, in_transaction: bool = False) -> None:
        """Write the counts down if the last time is long enough ago."""
        if not in_transaction and monotonic() - self._written >= get_settings().record_seconds:
            self.write(HURRIED)

    def write(self, patience: Patience) -> None:
        """Ask for missing plans and write the counts down, as far as ``patience`` goes.

        Returns at once where another thread is about it, and leaves what belongs to a database on
        which this thread has a transaction open.
        """
        if not self._one_writes.acquire(blocking=False):
            return
        self._thread.writing = True
        try:
            self._written = monotonic()
            self._writer.write(patience)
        finally:
            self._thread.writing = False
            self._one_writes.release()

    @contextmanager
    def block(self) -> Iterator[None]:
        """Count every statement of this thread, and write at the end."""
        self._thread.blocks += 1
        try:
            yield
        finally:
            self._thread.blocks -= 1
            self.write(UNHURRIED)


RECORDER = Recorder()


@contextmanager
def recording(using: str | None = None) -> Iterator[None]:
    """Record every statement that this thread sends in the block, whatever the settings say.

    ``using`` is one alias; all databases that dbhealth supports without it. The counts are written
    when the block ends, or, where that is inside a transaction, some time after it. Raises
    UsageError for an unknown alias and UnsupportedEngine for one that dbhealth does not know.
    """
    if using is not None:
        check_alias(using)
        get_backend(using)
    wanted = [using] if using is not None else [a for a in connections if is_supported(a)]
    added = [connections[alias] for alias in wanted if _install(connections[alias])]
    try:
        with RECORDER.block():
            yield
    finally:
        for connection in added:
            connection.execute_wrappers.remove(RECORDER)


def _install(connection: BaseDatabaseWrapper) -> bool:
    """Put the recorder on a connection; return whether it was not there before."""
    if RECORDER in connection.execute_wrappers:
        return False
    # First, for Django's execute_wrapper() takes the last one away, whichever it is.
    connection.execute_wrappers.insert(0, RECORDER)
    return True


def _on_connection(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    try:
        if get_settings().record_index_use and is_supported(connection.alias):
            _install(connection)
    except ConfigurationError:
        log.debug("Nothing is recorded while the DBHEALTH setting is wrong.")


def _on_request_finished(**kwargs: Any) -> None:
    try:
        RECORDER.write_when_due()
    except ConfigurationError:
        log.debug("Nothing is written while the DBHEALTH setting is wrong.")


def _at_exit() -> None:
    if RECORDER.memory.databases():
        RECORDER.write(UNHURRIED)


def listen() -> None:
    """Be there whenever a connection is opened, a request ends, a process forks or ends."""
    connection_created.connect(_on_connection, dispatch_uid="dbhealth.queries")
    request_finished.connect(_on_request_finished, dispatch_uid="dbhealth.queries")
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=RECORDER.begin_anew)
    atexit.register(_at_exit)
