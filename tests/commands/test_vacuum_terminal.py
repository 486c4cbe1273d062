"""manage.py vacuum on a terminal: the bar moves with what the server tells of its VACUUM."""

import re

import pytest

from tests.commands.tools import on_a_terminal
from tests.maintenance.vacuuming import fill, tables
from tests.moveapp.tools import query

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.postgresql,
]

__all__ = ["tables"]

# VACUUM sleeps after each page, so that it takes a second or two for a table of this size, as it
# does for a large one anyway. No row is dead: there is nothing to do for indexes.
SLOWLY = "-c vacuum_cost_delay=10ms -c vacuum_cost_limit=1"
ROWS = 9_000


def plain(text: str) -> list[str]:
    """Return what a terminal showed, line by line, without its escape codes."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))


def test_the_bar_moves_with_the_blocks_that_the_server_has_scanned(tables, process_environment):
    query("TRUNCATE dirty")
    fill("dirty", ROWS)
    [(pages,)] = query("SELECT pg_relation_size('dirty') / 8192")
    environment = process_environment() | {"PGOPTIONS": SLOWLY}
    done = on_a_terminal(environment, 120, "vacuum", "--table", "dirty")
    assert done.code == 0, done.out
    bars = [line for line in plain(done.out) if line.startswith("scanning heap: dirty")]
    seen = [re.search(r"━.* (\d+)/(\d+)", line).groups() for line in bars if "━" in line]
    steps = list(dict.fromkeys(int(scanned) for scanned, _total in seen))
    assert {int(total) for _scanned, total in seen} == {pages}
    assert steps == sorted(steps)
    assert len([scanned for scanned in steps if 0 < scanned < pages]) >= 2
    # The last line is the sum; each bar has been taken away: line up, line cleared.
    assert "\x1b[1A\x1b[2K" in done.out
    assert "1 VACUUM in " in done.out
