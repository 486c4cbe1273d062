"""Writers on every table of a family while it is archived, again and again, and then a comparison
of every row with the journals of what was written."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from tests.famapp.models import (
    Chapter,
    ChapterArchive,
    Line,
    LineArchive,
    Picture,
    PictureArchive,
    Story,
    StoryArchive,
    StoryTagArchive,
    Tag,
)
from tests.famapp.writers import GONE, Writer, loaded
from tests.moveapp.tools import InThread, archive, query

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = float(os.environ.get("DBHEALTH_TEST_STORM_SECONDS", "4"))

PAIRS = {
    "Story": (Story, StoryArchive),
    "Chapter": (Chapter, ChapterArchive),
    "Line": (Line, LineArchive),
    "Picture": (Picture, PictureArchive),
    "Story_tags": (Story.tags.through, StoryTagArchive),
}
AGES = {"Story": "created_at", "Chapter": "written_at", "Line": "said_at"}

STABLE = 300
"""Families that nobody changes, so that a reader can look for them at every moment."""


def stable_families():
    """Make stories with one chapter and two lines each, all with the same key and old."""
    old = timezone.now() - timedelta(days=200)
    numbers = range(1, STABLE + 1)
    Story.objects.bulk_create(Story(pk=n, created_at=old, title="stable") for n in numbers)
    Chapter.objects.bulk_create(Chapter(pk=n, story_id=n, written_at=old) for n in numbers)
    Line.objects.bulk_create(Line(pk=n, chapter_id=n, said_at=old) for n in numbers)
    Story.objects.create(pk=10**9, created_at=timezone.now(), title="stays")
    Tag.objects.create(pk=1, name="only")


def read(until, wrong):
    """Look again and again that each stable family is whole, in the one place or in the other."""
    counts = ", ".join(
        f"(SELECT count(*) FROM famapp_{table}{side} WHERE id <= {STABLE})"
        for side in ("", "_archive")
        for table in ("story", "chapter", "line")
    )
    looks = 0
    while time.monotonic() < until:
        try:
            (found,) = query(f"SELECT {counts}")
        except OperationalError:  # SQLite was busy
            continue
        looks += 1
        here, there = set(found[:3]), set(found[3:])
        if len(here) > 1 or len(there) > 1 or sum([*here, *there]) != STABLE:
            wrong.append(found)
    return looks


def by_key(kind):
    """Return the rows of source and archive of one model, and look that no key is in both."""
    source, target = PAIRS[kind]
    names = [field.attname for field in source._meta.local_concrete_fields if field.name != "id"]
    here, there = (
        {row.pop("id"): row for row in model._base_manager.values("id", *names)}
        for model in (source, target)
    )
    assert not here.keys() & there.keys(), kind
    return here, there


def compare(journal, left, cutoff):
    """Compare all tables with the journal: every row once, as it was last committed."""
    for kind in PAIRS:
        here, there = by_key(kind)
        whole = here | there
        expected = {
            key: loaded(values)
            for (of, key), values in journal.items()
            if of == kind and values != GONE
        }
        changing = {key for key in whole if STABLE < key < 10**9}
        assert changing == expected.keys(), kind
        assert {key: whole[key] for key in expected} == expected
        assert {key for of, key in left if of == kind} <= there.keys()
        if kind in AGES:
            # Whatever is younger than the cutoff, or has no age, never leaves.
            assert all(row[AGES[kind]] < cutoff for row in there.values())
    # A row below one that has left has left as well.
    gone = {kind: by_key(kind)[1].keys() for kind in PAIRS}
    for kind, column, parent in (
        ("Chapter", "story_id", "Story"),
        ("Line", "chapter_id", "Chapter"),
        ("Line", "answers_id", "Line"),
        ("Picture", "story_id", "Story"),
        ("Picture", "chapter_id", "Chapter"),
        ("Story_tags", "story_id", "Story"),
    ):
        assert not [row for row in by_key(kind)[0].values() if row[column] in gone[parent]], kind


def test_writers_on_all_tables_and_archiving_at_once_keep_every_family_whole(
    process_environment, tmp_path
):
    stable_families()
    wrong, moved, file = [], [], tmp_path / "journal.json"
    seconds = SECONDS / 2 if connection.vendor == "sqlite" else SECONDS
    writers = [Writer(seed, seed * 1_000_000) for seed in (1, 2)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.famapp.writers", "7", "7000000", str(seconds), file],
        env=process_environment(),
    ) as child:
        until = time.monotonic() + seconds
        threads = [InThread(partial(writer.work, until)) for writer in writers]
        reader = InThread(partial(read, until, wrong))
        while child.poll() is None or any(thread.alive for thread in threads):
            result = archive("famapp_story", batch_size=7 * (len(moved) % 9 + 1), max_rows=150)
            assert result["state"] == "succeeded"
            moved.append(result["rows"])
        for thread in threads:
            thread.result()
    told = json.loads(file.read_text())
    journal = {(kind, key): values for kind, key, values in told["journal"]}
    left = {(kind, key) for kind, key in told["left"]}
    for writer in writers:
        journal |= writer.journal
        left |= writer.left
    assert wrong == []
    assert reader.result() > 3
    assert sum(moved) > 50
    cutoff = timezone.now() - timedelta(days=90)
    compare(journal, left, cutoff)
    archive("famapp_story")
    compare(journal, left, cutoff + timedelta(minutes=1))
