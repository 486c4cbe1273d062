"""Keeps the book of all families that were ever written, and compares it with all tables."""

from collections import Counter

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from dbhealth.runs.models import MaintenanceRun
from tests.famapp import tools as family
from tests.famapp.models import Chapter, Line, Picture, Story, StoryArchive
from tests.moveapp.tools import ago, other_sessions, wait_until

CHAPTERS, LINES = 2, 3
"""Of each story; with it, the chapters' pictures and its own a family is so many rows."""

SIZE = 1 + CHAPTERS * (1 + LINES) + CHAPTERS + 1
PAIRS = family.PAIRS[:5]


class FamilyBook:
    """Stories with the keys 1, 2, 3 …, each with its family, and one that stays."""

    table = "famapp_story"
    begins = 'INTO "famapp_story_archive"'

    def __init__(self) -> None:
        self.written = 0
        self.before: Counter[object] = Counter()
        Story.objects.create(pk=10**9, created_at=timezone.now())

    def refill(self, rows: int) -> None:
        """Insert families that may leave, until there are at least so many rows of them."""
        missing = rows // SIZE + 1 - (Story.objects.count() - 1)
        if missing <= 0:
            return
        moment = ago(days=200)
        numbers = range(self.written + 1, self.written + missing + 1)
        chapters = [(n, n * CHAPTERS + c) for n in numbers for c in range(CHAPTERS)]
        Story.objects.bulk_create(Story(pk=n, created_at=moment, title=f"{n}") for n in numbers)
        Chapter.objects.bulk_create(
            Chapter(pk=key, story_id=n, written_at=moment) for n, key in chapters
        )
        Line.objects.bulk_create(
            Line(pk=key * LINES + number, chapter_id=key, said_at=moment, text=f"line {key}")
            for _, key in chapters
            for number in range(LINES)
        )
        Picture.objects.bulk_create(
            [Picture(story_id=n, chapter_id=key) for n, key in chapters]
            + [Picture(story_id=n) for n in numbers]
        )
        self.written += missing
        self.before = self._all()

    def _all(self) -> Counter[object]:
        """Return every row of sources and archives, as it is, with the table it is of."""
        both = family.together()
        return Counter(
            {
                (source._meta.db_table, row): n
                for source, _ in PAIRS
                for row, n in both[source].items()
            }
        )

    def check(self) -> None:
        """Every row is in one table, as it was; families are whole; runs count what they moved."""
        if connection.vendor == "postgresql":
            # The server may still be at the last statement of a client that is dead.
            wait_until(lambda: not other_sessions(), "the sessions of the dead end")
        assert self._all() == self.before
        gone = set(StoryArchive.objects.values_list("pk", flat=True))
        left = set(Story.objects.values_list("pk", flat=True)) - {10**9}
        assert gone | left == set(range(1, self.written + 1))
        assert set(Chapter.objects.values_list("story_id", flat=True)) == left
        moved: Counter[int] = Counter()
        for _, target in PAIRS:
            runs = target.objects.values_list("archive_run").annotate(Count("pk")).order_by()
            moved.update(dict(runs))
        counted = dict(MaintenanceRun.objects.values_list("pk", "rows_done"))
        assert {run: rows for run, rows in counted.items() if rows} == dict(moved)
        assert moved.total() == len(gone) * SIZE

    def progress(self) -> tuple[int, int]:
        """Return the rows moved so far and the number of runs."""
        return StoryArchive.objects.count() * SIZE, MaintenanceRun.objects.count()

    @property
    def is_done(self) -> bool:
        """Whether everything that may leave has left."""
        return StoryArchive.objects.count() == self.written
