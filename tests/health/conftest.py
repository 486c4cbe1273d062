"""A registry with nothing in it but what a test registers."""

from collections.abc import Callable

import pytest
from django.db import connection

from dbhealth import health
from dbhealth.health.registry import registry
from tests.health.looking import others, tables

__all__ = ["others", "tables"]


@pytest.fixture
def register(monkeypatch) -> Callable[..., object]:
    """Register checks for the time of a test; there are no others."""
    monkeypatch.setattr(registry, "_checks", {})
    return registry.register


@pytest.fixture
def told(register) -> dict[str, list[str]]:
    """Have two checks, each of which finds one thing for each object that it is told."""
    things: dict[str, list[str]] = {"try.X001": [], "try.X002": []}

    def finder(name: str) -> Callable[[health.Context], list[health.Finding]]:
        def look(context: health.Context) -> list[health.Finding]:
            return [found(context, thing) for thing in things[name]]

        return look

    for name in things:
        register(name, title=f"The things of {name}")(finder(name))
    return things


def found(context: health.Context, thing: str) -> health.Finding:
    """Return a finding; an object with "!" at its end is graver."""
    level = health.Level.CRITICAL if thing.endswith("!") else health.Level.WARNING
    thing = thing.rstrip("!")
    return context.finding(
        level,
        f"{thing} has 3 rows too many.",
        object=thing,
        value=3,
        threshold=0,
        unit="rows",
        why="They are too many.",
        instead="Delete them.",
        sql=(f"DELETE FROM {thing};",),
    )


def ask(sql: str, *params: object) -> object:
    """Return the first value that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
