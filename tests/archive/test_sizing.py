"""A batch aims at a duration: grows carefully, shrinks at once, never stands still."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbhealth.archive.sizing import BatchSizer


def sizer(*, seconds=0.25, floor=100, ceiling=5_000):
    return BatchSizer(seconds=seconds, floor=floor, ceiling=ceiling)


def play(sizer, *, rate, batches):
    """Let so many batches succeed at ``rate`` rows per second; return their sizes."""
    sizes = []
    for _ in range(batches):
        sizes.append(sizer.size)
        sizer.succeeded(sizer.size, sizer.size / rate)
    return sizes


@pytest.mark.parametrize("rate", [1_000, 4_000, 12_000])
def test_a_batch_comes_to_take_the_time_that_is_aimed_at(rate):
    sizes = play(sizer(), rate=rate, batches=10)
    assert sizes[-1] == pytest.approx(rate * 0.25, rel=0.02)


def test_fast_tables_reach_the_ceiling_and_stay_there():
    sizes = play(sizer(ceiling=5_000), rate=10**7, batches=6)
    assert sizes == [1_000, 2_000, 4_000, 5_000, 5_000, 5_000]


def test_slow_tables_reach_the_floor_and_stay_there():
    sizes = play(sizer(floor=100), rate=10, batches=4)
    assert sizes == [1_000, 100, 100, 100]


@pytest.mark.parametrize("fixed", [0.2, 0.5, 3.0])
def test_what_a_batch_costs_by_itself_does_not_shrink_it_to_nothing(fixed):
    """Else a family in large tables would go a hundred rows at a time, each as dear as all."""
    at_work, by_row = sizer(ceiling=100_000), 0.0001
    for _ in range(60):
        at_work.succeeded(at_work.size, fixed + at_work.size * by_row)
    assert fixed / 2 <= at_work.size * by_row <= fixed * 1.5


def test_a_load_that_comes_and_goes_is_not_taken_for_a_cost_of_the_batch():
    at_work = sizer(ceiling=100_000)
    for number in range(60):
        slower = 4 if number % 20 > 15 else 1
        at_work.succeeded(at_work.size, at_work.size / 20_000 * slower)
    play(at_work, rate=20_000, batches=10)
    assert at_work.size == pytest.approx(5_000, rel=0.2)


def test_one_slow_batch_shrinks_the_next_one_at_once():
    at_work = sizer()
    play(at_work, rate=20_000, batches=8)
    at_work.succeeded(at_work.size, 2.5)
    assert at_work.size == pytest.approx(500, abs=2)


def test_one_lucky_batch_counts_only_in_part():
    at_work = sizer(ceiling=10**6)
    play(at_work, rate=8_000, batches=8)
    steady = at_work.size
    at_work.succeeded(steady, steady / 16_000)
    assert steady < at_work.size < 1.5 * steady


def test_trouble_halves_the_batch_down_to_the_floor():
    at_work, sizes = sizer(floor=100), []
    for _ in range(5):
        at_work.failed()
        sizes.append(at_work.size)
    assert sizes == [500, 250, 125, 100, 100]
    assert at_work.at_floor


@pytest.mark.parametrize("floor", [1, 2, 3, 4, 100])
def test_after_trouble_a_batch_grows_again_from_any_size(floor):
    at_work = sizer(floor=floor)
    for _ in range(12):
        at_work.failed()
    assert at_work.size == floor
    sizes = play(at_work, rate=20_000, batches=60)
    assert sizes[-1] == 5_000
    for earlier, later in itertools.pairwise(sizes):
        assert later <= max(earlier + 1, earlier * 1.2)


@pytest.mark.parametrize("ceiling", [1, 7, 99])
def test_a_ceiling_below_the_floor_wins(ceiling):
    at_work = sizer(floor=100, ceiling=ceiling)
    assert at_work.size == ceiling
    at_work.failed()
    play(at_work, rate=10**6, batches=3)
    assert at_work.size == ceiling
    assert at_work.at_floor


def test_a_batch_of_nothing_teaches_nothing():
    at_work = sizer()
    at_work.succeeded(0, 5.0)
    at_work.succeeded(100, 0.0)
    assert at_work.size == 1_000


@given(
    floor=st.integers(1, 10_000),
    ceiling=st.integers(1, 100_000),
    seconds=st.floats(0.001, 60),
    story=st.lists(st.one_of(st.none(), st.floats(0.0, 120.0)), max_size=40),
)
def test_whatever_happens_the_size_stays_between_its_bounds(floor, ceiling, seconds, story):
    at_work = sizer(floor=floor, ceiling=ceiling, seconds=seconds)
    for took in story:
        if took is None:
            at_work.failed()
        else:
            at_work.succeeded(at_work.size, took)
        assert isinstance(at_work.size, int)
        assert min(floor, ceiling) <= at_work.size <= ceiling
