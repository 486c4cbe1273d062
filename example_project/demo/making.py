"""Puts the parts together: every table of a world, in an order in which parents come first."""

from collections.abc import Iterator
from itertools import chain

from . import chat, documents, events, life, stock, users
from .world import Table, World


def tables(world: World) -> Iterator[Table]:
    """Yield every table of the demo; its rows are made while they are read."""
    parts = (users, life, chat, documents, stock, events)
    return chain.from_iterable(part.tables(world) for part in parts)
