"""The table of legal moves is the whole truth about states."""

import itertools

import pytest

from dbhealth.exceptions import IllegalMove
from dbhealth.runs.states import ACTIVE, ENDED, MOVES, WORKING, State, check_move, leading_to

# Written out a second time on purpose: a slip in the table must not pass unnoticed.
LEGAL = {
    "queued": {"running", "cancelled", "failed", "interrupted"},
    "running": {"pausing", "cancelling", "succeeded", "failed", "interrupted"},
    "pausing": {"paused", "cancelling", "succeeded", "failed", "interrupted"},
    "paused": {"running", "cancelled", "queued"},
    "cancelling": {"cancelled", "succeeded", "failed", "interrupted"},
    "interrupted": {"running", "cancelled", "queued"},
    "cancelled": set(),
    "succeeded": set(),
    "failed": set(),
}
PAIRS = list(itertools.product(sorted(LEGAL), repeat=2))
YES = [(before, after) for before, after in PAIRS if after in LEGAL[before]]
NO = [(before, after) for before, after in PAIRS if after not in LEGAL[before]]


@pytest.mark.parametrize("before, after", YES)
def test_a_legal_move_passes(before, after):
    check_move(before, after)


@pytest.mark.parametrize("before, after", NO)
def test_an_illegal_move_is_refused_and_says_what_is_possible(before, after):
    with pytest.raises(IllegalMove) as refused:
        check_move(before, after)
    for possible in LEGAL[before]:
        assert possible in str(refused.value)
    assert LEGAL[before] or "final" in str(refused.value)


def test_every_state_is_either_active_or_ended():
    assert set(State) == ACTIVE | ENDED
    assert not ACTIVE & ENDED
    assert WORKING < ACTIVE


def test_every_move_says_what_it_means():
    assert all(text.endswith(".") for text in MOVES.values())


@pytest.mark.parametrize("after", sorted(LEGAL))
def test_the_way_back_is_the_same_table(after):
    assert {str(before) for before in leading_to(State(after))} == {
        before for before, reached in LEGAL.items() if after in reached
    }
