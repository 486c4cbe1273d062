"""Bounds on everything that is asked of a database while somebody only looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.statement import Statement
from dbhealth.exceptions import OutOfTime
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The longest wait for a lock and the longest time of a statement (seconds)."""

    lock: float
    statement: float


_IN_FORCE: ContextVar[dict[str, Bounds]] = ContextVar("dbhealth_bounds", default={})  # noqa: B039
"""By alias; never changed in place."""


def in_force(alias: str) -> bool:
    """Return whether somebody looks at this database already, within bounds."""
    return alias in _IN_FORCE.get()


def narrowed(alias: str, wanted: Bounds) -> Bounds:
    """Return bounds that are nowhere wider than what is in force."""
    bounds = _IN_FORCE.get().get(alias)
    if bounds is None:
        return wanted
    return Bounds(
        lock=min(wanted.lock, bounds.lock), statement=min(wanted.statement, bounds.statement)
    )


def within(alias: str, statement: Statement) -> Statement:
    """Return a statement without those of its timeouts that would be longer than what is in force.

    What is in force has been set by then, so that nothing is to be set for it.
    """
    bounds = _IN_FORCE.get().get(alias)
    if bounds is None:
        return statement
    return replace(
        statement,
        lock_timeout=_shorter(statement.lock_timeout, bounds.lock),
        statement_timeout=_shorter(statement.statement_timeout, bounds.statement),
    )


def _shorter(wanted: float | None, bound: float) -> float | None:
    return wanted if wanted is not None and wanted < bound else None


@contextmanager
def bounded(connection: BaseDatabaseWrapper, bounds: Bounds) -> Iterator[None]:
    """Hold the bounds of a connection inside the block; the engine itself knows them already.

    Raises OutOfTime where a statement would begin when the time of one has passed.
    """
    deadline = time.monotonic() + bounds.statement

    def in_time(execute: Callable[..., Any], *call: Any) -> Any:
        if time.monotonic() > deadline:
            raise OutOfTime(
                _("It took longer than {statement:g} seconds.", statement=bounds.statement)
            )
        return execute(*call)

    token = _IN_FORCE.set({**_IN_FORCE.get(), connection.alias: bounds})
    try:
        with connection.execute_wrapper(in_time):
            yield
    finally:
        _IN_FORCE.reset(token)
