"""What the admin's pages cost the server on a large catalogue, whatever else the machine does."""

from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest

from tests.benchmarks import pages
from tests.benchmarks.conftest import Workshop

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

NAME = "pages"

LIMIT = 3
"""How many times as long as Django's own list of a hundred rows a page may take the server. That
list takes 75 to 100 ms where nothing else is going on, and a page may take 300 ms."""


def child(workshop: Workshop, what: str) -> dict[str, Any]:
    """Run one part of pages.py in a fresh process."""
    return workshop.ask(NAME, "pages", what)


@pytest.fixture(scope="module")
def large(workshop: Workshop) -> Iterator[Workshop]:
    """Make 3,000 tables with 10,000 indexes and all that is kept about them."""
    workshop.create(NAME)
    seconds = child(workshop, "make")
    print("\nsnapshots:", {name: f"{took:.2f} s" for name, took in seconds.items()})  # noqa: T201
    yield workshop
    workshop.drop(NAME)


def test_no_page_takes_long_and_none_asks_more_for_more_tables(large: Workshop) -> None:
    many = child(large, "measure")
    ratios = {name: median(page["ratios"]) for name, page in many.items()}
    for name, page in many.items():
        print(  # noqa: T201
            f"{name}: {min(page['seconds']) * 1000:.0f} ms, {ratios[name]:.2f} times Django's own "
            f"list; {page['queries']} queries"
        )
    assert len(many) > 10
    assert {name: ratio for name, ratio in ratios.items() if ratio > LIMIT} == {}
    assert child(large, "shrink")["tables"] == pages.FEW
    few = child(large, "measure")
    asked = {name: (few[name]["queries"], page["queries"]) for name, page in many.items()}
    assert {name: both for name, both in asked.items() if both[0] != both[1]} == {}
