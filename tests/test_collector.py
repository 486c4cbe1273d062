"""The collector of cyclic garbage is off inside the block, and afterwards as it was."""

import gc

import pytest

from dbhealth.collector import without_collecting


@pytest.fixture(params=[True, False], ids=["on", "off"])
def before(request):
    was_on = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was_on else gc.disable)()


def test_it_is_off_inside_and_as_it_was_afterwards(before):
    with without_collecting():
        assert not gc.isenabled()
        with without_collecting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is before


def test_an_error_puts_it_back(before):
    with pytest.raises(ZeroDivisionError), without_collecting():
        1 / 0  # noqa: B018
    assert gc.isenabled() is before
