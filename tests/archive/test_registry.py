"""How people call an archive, and what is suggested when they call it by another name."""

import pytest

from dbhealth.archive.registry import find
from dbhealth.exceptions import UsageError


@pytest.mark.parametrize(
    "name, meant",
    [
        ("order", "moveapp.Order"),
        ("Event", "moveapp.Event"),
        ("LineArchive", "famapp.LineArchive"),
        ("moveapp.Evnt", "moveapp.Event"),
        ("move_visits", "move_visit"),
        ("MOVE-ORDER", "move_order"),
    ],
)
def test_the_closest_name_is_suggested(name, meant):
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'\\?$"):
        find(name)
    assert meant in (find(meant).table, find(meant).label, find(meant).model._meta.label)


def test_names_that_are_nearly_as_close_are_suggested_as_well_the_closest_first():
    with pytest.raises(UsageError, match=r"Did you mean 'famapp\.Story' or 'famapp\.Story_tags'"):
        find("famapp.Story_t")


def test_where_nothing_is_close_the_tables_are_listed():
    with pytest.raises(UsageError, match=r"Tables with an archive: .*move_event, "):
        find("zzz")
