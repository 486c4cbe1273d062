"""On a terminal there is a bar and colour; in a pipe there is neither; nothing is ever cut."""

import re
from io import StringIO

import pytest
from rich.console import Console

from dbhealth.archive import archive_all_tables
from dbhealth.management.archive_output import ARCHIVE
from dbhealth.management.stats_output import show_stats
from dbhealth.recipes import database_stats
from tests.commands.tools import in_a_process, interact, on_a_terminal, read_meters, send
from tests.shopapp.models import Interaction, Label, Parcel, ParcelArchive

ESCAPE = "\x1b"
LONG = Interaction._meta.db_table
BOTH = ("--table", "shop_parcels", "--table", LONG)

in_processes = pytest.mark.django_db(transaction=True, databases=["default", "other"])


def plain(text: str) -> str:
    """Return what a terminal showed, without its escape codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")


@in_processes
def test_a_bar_shows_pace_and_eta_on_a_terminal_and_leaves_no_trace(process_environment):
    send(3000)
    interact(300)
    done = on_a_terminal(process_environment(), 80, "archive", *BOTH, "--batch-size", "200")
    assert done.code == 0
    shown = plain(done.out)
    assert re.search(r"shop_parcels ━.* 3000/3000 [\d,]+ rows/s ETA 0?0:00", shown)
    # a long name gives way to the figures
    assert re.search(r"shop_customer_inter… ━.* 300/300 .*ETA", shown)
    assert {len(line) for line in shown.splitlines() if LONG not in line} <= set(range(81))
    # each bar is erased when its table is done: line up, line cleared
    assert done.out.count(f"{ESCAPE}[1A{ESCAPE}[2K") >= 2
    assert ParcelArchive.objects.count() == 3000


@in_processes
def test_json_without_progress_is_plain_on_a_terminal_too(process_environment):
    send(5)
    done = on_a_terminal(
        process_environment(),
        *(80, "archive", "--table", "shop_parcels", "--format", "json", "--no-progress"),
    )
    assert ESCAPE not in done.out
    assert done.json["summary"]["total_records_archived"] == 5


@in_processes
def test_there_is_no_bar_and_no_escape_code_in_a_pipe(process_environment):
    send(500)
    environment = process_environment()
    dry = in_a_process(environment, "archive", *BOTH, "--dry-run")
    run = in_a_process({**environment, "FORCE_COLOR": "1"}, "archive", *BOTH)
    for done in (dry, run):
        assert (done.code, done.err) == (0, "")
        assert "━" not in done.out
        assert "ETA" not in done.out
    assert ESCAPE not in dry.out
    assert ESCAPE in run.out  # who forces colour wants colour, but no bar in a log


@pytest.fixture
def console_of():
    """Return a function that makes a console of a width, and one that gives what it showed."""
    streams = []

    def make(width: int) -> Console:
        streams.append(StringIO())
        return Console(file=streams[-1], width=width)

    return make, lambda: streams[-1].getvalue()


@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_nothing_is_cut_however_narrow_the_console(console_of, width):
    make, shown = console_of
    send(1200)
    interact(300)
    read_meters(3, of_today=0)
    Label.objects.create(parcel=Parcel.objects.create(number="now"))
    texts = []
    for show, facts in (
        (ARCHIVE.show_plan, archive_all_tables(dry_run=True)),
        (show_stats, database_stats()),
        (ARCHIVE.show_run, archive_all_tables()),
    ):
        show(make(width), facts)
        texts.append(shown())
        assert "…" not in texts[-1].replace("Q(…)", "")
        assert LONG in texts[-1]
    dry, _, run = texts
    assert "1,200" in run
    assert "succeeded" in run
    assert "--allow-emptying" in run
    assert f"{LONG}_archive" in dry
    # names and SQL are for copying; everything else keeps inside the window
    prose = [line for line in "".join(texts).splitlines() if not re.search(r'_|"|with ', line)]
    assert len(prose) > 30
    assert [line for line in prose if len(line) > width] == []
    # a log has no blanks at the end of its lines
    assert [line for line in dry.splitlines() if line != line.rstrip()] == []
