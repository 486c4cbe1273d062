"""The disk is full in the middle of a run: the batch is rolled back whole, and the next one goes on
as soon as there is room."""

import random
import subprocess
from collections import Counter

import pytest
from django.db import DatabaseError

from tests.famapp import tools as family
from tests.famapp.models import Line, LineArchive, Story
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import (
    add_events,
    archive,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
)
from tests.servers import account

pytestmark = pytest.mark.django_db(transaction=True)


def fill(rows):
    """Insert old events of 1.5 kB each that cannot be compressed."""
    chance = random.Random(7)  # noqa: S311
    add_events(range(1, rows + 1))
    keep_one()
    query("UPDATE move_event SET payload = payload || ' ' || %s", chance.randbytes(750).hex())


@pytest.fixture
def full_file():
    """Let the file of SQLite grow no further, as if the disk had no page left."""

    def no_more_pages():
        query("VACUUM")
        ((pages,),) = query("PRAGMA page_count")
        query(f"PRAGMA max_page_count = {pages + 1}")

    yield no_more_pages
    query("PRAGMA max_page_count = 4294967294")


@pytest.mark.sqlite
def test_a_full_sqlite_file_rolls_the_batch_back_and_the_next_run_does_it(full_file):
    fill(200)
    full_file()
    with pytest.raises(DatabaseError, match="full"):
        archive(batch_size=100)
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", 0)
    assert "full" in run.error
    assert len(in_source()) == 201
    assert in_archive() == []
    query("PRAGMA max_page_count = 4294967294")
    assert archive()["rows"] == 200


@pytest.mark.sqlite
def test_a_full_sqlite_file_keeps_a_family_whole(full_file):
    family.story(chapters=[(family.OLD, [family.OLD] * 5)] * 3)
    family.story(family.YOUNG)
    Line.objects.update(text="x" * 20_000)
    before = family.rows()
    full_file()
    with pytest.raises(DatabaseError, match="full"):
        archive("famapp_story")
    assert family.rows() == before
    assert not LineArchive.objects.exists()
    query("PRAGMA max_page_count = 4294967294")
    archive("famapp_story")
    assert family.together() == before
    assert Story.objects.count() == 1


@pytest.fixture
def tiny_disk(tmp_path_factory):
    """Put the archive's table on a file system of 3 MiB; return how to give it room again."""
    place = tmp_path_factory.mktemp("tiny", numbered=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0777", "tmpfs", place],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"No file system can be mounted here: {mounted.stderr.strip()}")
    for parent in [*place.parents][:3]:
        parent.chmod(0o755)  # the server's account has to get there
    account.give_away(place)

    def more_room():
        query("ALTER TABLE move_event_archive SET TABLESPACE pg_default")

    try:
        query(f"CREATE TABLESPACE tiny LOCATION '{place}'")
        query("ALTER TABLE move_event_archive SET TABLESPACE tiny")
        yield more_room
        more_room()
        query("DROP TABLESPACE tiny")
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.postgresql
def test_a_full_disk_rolls_the_batch_back_and_the_next_run_does_the_rest(tiny_disk):
    fill(3_000)
    with pytest.raises(DatabaseError, match="No space left"):
        archive(batch_size=200)
    run = last_run()
    assert (run.state, run.rows_done) == ("failed", EventArchive.objects.count())
    assert 0 < run.rows_done < 3_000
    assert "No space left" in run.error
    everything = Counter(in_source()) + Counter(in_archive())
    assert everything == Counter([*range(1, 3_001), 10**9])
    tiny_disk()
    assert archive()["rows"] == 3_000 - run.rows_done
    assert len(in_archive()) == 3_000
