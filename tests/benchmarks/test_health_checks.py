"""What all health checks together cost on a large catalogue."""

from collections.abc import Iterator
from statistics import median

import pytest

from tests.benchmarks import catalogue
from tests.benchmarks.conftest import Workshop
from tests.benchmarks.test_index_catalogue import NAME, child

pytestmark = [pytest.mark.benchmark, pytest.mark.postgresql, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def large(workshop: Workshop) -> Iterator[Workshop]:
    """Make 3,000 tables with 10,000 indexes, and a month of looks at them."""
    workshop.create(NAME)
    assert child(workshop, "make")["indexes"] == catalogue.INDEXES
    assert child(workshop, "remember")["looks"] == catalogue.LOOKS
    yield workshop
    workshop.drop(NAME)


def test_all_checks_take_no_more_than_three_times_a_listing_of_the_indexes(
    large: Workshop,
) -> None:
    found = child(large, "health")
    ratio = median(found["ratios"])
    print(  # noqa: T201
        f"\n{found['checks']} checks; {ratio:.2f} times as long as psql lists the indexes (median "
        f"of {catalogue.TURNS} turns)"
    )
    assert found["failed"] == []
    assert ratio <= 3
