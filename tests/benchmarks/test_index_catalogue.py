"""What a listing of a large catalogue costs, with models that declare it and with its history, and
that a lock on a table does not stop it."""

from collections.abc import Iterator
from statistics import median
from typing import Any

import psycopg
import pytest

from tests.benchmarks import catalogue
from tests.benchmarks.conftest import Workshop

pytestmark = [pytest.mark.benchmark, pytest.mark.postgresql, pytest.mark.timeout(900)]

NAME = "catalogue"


def child(workshop: Workshop, what: str) -> dict[str, Any]:
    """Run one part of catalogue.py in a fresh process."""
    assert workshop.server is not None
    psql = str(workshop.server.binaries / "psql")
    return workshop.ask(NAME, "catalogue", what, psql)


@pytest.fixture(scope="module")
def large(workshop: Workshop) -> Iterator[Workshop]:
    """Make 3,000 tables with 10,000 indexes once for all tests of the module."""
    workshop.create(NAME)
    assert child(workshop, "make")["indexes"] == catalogue.INDEXES
    yield workshop
    workshop.drop(NAME)


def test_a_listing_takes_little_longer_than_the_bare_join_by_psql(large: Workshop) -> None:
    found = child(large, "list")
    ratios = compared(found)
    assert found["found"] >= catalogue.INDEXES
    assert found["statements"] <= 12
    assert found["peak_bytes"] < 150_000_000
    assert ratios["api"] <= 1.5
    assert ratios["command"] <= 1.5


def test_who_declares_each_index_and_what_looks_have_seen_doubles_that(large: Workshop) -> None:
    assert child(large, "remember")["looks"] == catalogue.LOOKS
    found = child(large, "declared")
    ratios = compared(found)
    assert found["declared"] >= catalogue.INDEXES
    assert found["statements"] <= 12
    # A process that has so many models needs that memory whatever it does.
    assert found["peak_bytes"] - found["models_bytes"] < 150_000_000
    assert ratios["api"] <= 3
    assert ratios["command"] <= 3


def compared(found: dict[str, Any]) -> dict[str, float]:
    """Return the ratios to psql, and print what was measured."""
    ratios = {name: median(found[name]) for name in ("api", "command")}
    own = found.get("models_bytes", 0)
    print(  # noqa: T201
        f"\n{found['found']:,} indexes, {found['declared']:,} of them declared; medians of "
        f"{catalogue.TURNS} turns against psql: API {ratios['api']:.2f}, command "
        f"{ratios['command']:.2f}; {found['statements']} statements; "
        f"{found['peak_bytes'] / 1e6:.0f} MB, {own / 1e6:.0f} of them the models"
    )
    return ratios


def test_commands_return_while_a_table_is_locked_and_name_it(large: Workshop) -> None:
    assert large.server is not None
    # Two seconds, where psql lists in one; a machine that has more to do takes longer for both.
    pace = child(large, "pace")["seconds"]
    with psycopg.connect(large.server.dsn, dbname=NAME) as holder:
        holder.execute(f"LOCK TABLE {catalogue.HELD} IN ACCESS EXCLUSIVE MODE")
        found = child(large, "locked")
    for name, (seconds, out, errors) in found.items():
        print(f"{name}: {seconds:.2f} s; psql, before the lock: {pace:.2f} s")  # noqa: T201
        assert seconds < 2 * max(1, pace), name
        assert catalogue.HELD in out + errors, name
