"""Writers that change families at random and keep a journal of what they committed.

Each writer has stories of its own, so that its journal alone tells what became of each row. Also
a program: `python -m tests.famapp.writers SEED FIRST_KEY SECONDS FILE` keeps it in a file.
"""

import json
import random
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.utils import timezone

from tests.moveapp.writers import LEAST

Place = tuple[str, int]
"""The name of a model and a key."""

GONE = "gone"
"""Stands in the journal for a row that the writer has deleted."""


class Writer:
    """Inserts into, updates and deletes from every table of a family; a few rows at a time."""

    def __init__(self, seed: int, first_key: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.next_key = first_key
        self.journal: dict[Place, Any] = {}
        self.left: set[Place] = set()
        """Rows that were not in the source any more when they were to be changed."""
        self.writes = self.failures = 0

    def work(self, until: float) -> None:
        """Write until a moment of time.monotonic(), and until LEAST writes have succeeded."""
        from django.db import IntegrityError, OperationalError, transaction

        acts = [self._story, self._story, self._child, self._child, self._child, self._change]
        acts += [self._change, self._change_age, self._delete]
        while time.monotonic() < until or self.writes < LEAST:
            self._now, self._left_now = {}, set()
            try:
                with transaction.atomic():
                    for _ in range(self.chance.choice([1, 1, 2, 3])):
                        self.chance.choice(acts)()
                self.journal |= self._now
                self.left |= self._left_now
                self.writes += 1
            except (IntegrityError, OperationalError):
                # The parent had left, a deadlock, or SQLite was busy: rolled back as a whole.
                self.failures += 1
            # Writers of a real project think between two writes, too.
            time.sleep(self.chance.uniform(0, 0.002))

    def _key(self) -> int:
        self.next_key += self.chance.randint(1, 5)
        return self.next_key

    def _moment(self, chance_of_old: float = 0.8) -> str:
        old = self.chance.random() < chance_of_old
        days = self.chance.uniform(91, 400) if old else self.chance.uniform(0, 80)
        return (timezone.now() - timedelta(days=days)).isoformat()

    def _insert(self, kind: str, **values: Any) -> int:
        key = self._key()
        model(kind)._base_manager.create(pk=key, **loaded(values))
        self._now[kind, key] = values
        return key

    def _pick(self, *kinds: str) -> Place | None:
        """Return a row of ours that may still be in the source, preferably a late one."""
        known = self.journal | self._now
        found = [
            place
            for place, values in known.items()
            if place[0] in kinds and values != GONE and place not in self.left | self._left_now
        ]
        return self.chance.choice(found[-300:]) if found else None

    def _story(self) -> None:
        """Make a story with chapters, lines, pictures and tags."""
        story = self._insert("Story", created_at=self._moment(), title="new")
        for _ in range(self.chance.randint(0, 2)):
            chapter = self._insert("Chapter", story_id=story, written_at=self._moment(0.9))
            said = None
            for _ in range(self.chance.randint(0, 3)):
                values = {"chapter_id": chapter, "answers_id": said, "text": "first"}
                said = self._insert("Line", said_at=self._moment(0.95), **values)
            self._insert("Picture", story_id=story, chapter_id=chapter)
        self._insert("Story_tags", story_id=story, tag_id=1)

    def _child(self) -> None:
        """Add a row below one that is there, or was a moment ago."""
        place = self._pick("Story", "Chapter", "Line")
        if place is None:
            return self._story()
        kind, key = place
        if kind == "Story":
            self._insert("Chapter", story_id=key, written_at=self._moment(0.9))
        elif kind == "Chapter":
            self._insert("Picture", story_id=None, chapter_id=key)
            self._insert("Line", chapter_id=key, answers_id=None, said_at=self._moment(), text="l")
        else:
            line = (self.journal | self._now)[place]
            values = {"chapter_id": line["chapter_id"], "answers_id": key, "text": "answer"}
            self._insert("Line", said_at=self._moment(), **values)
        return None

    def _update(self, kind: str, **changes: Any) -> None:
        place = self._pick(kind)
        if place is None:
            return
        values = (self.journal | self._now)[place] | changes
        if model(kind)._base_manager.filter(pk=place[1]).update(**loaded(values)):
            self._now[place] = values
        else:
            self._left_now.add(place)

    def _change(self) -> None:
        text = f"changed {self.chance.random():.6f}"
        kind, name = self.chance.choice([("Line", "text"), ("Story", "title")])
        self._update(kind, **{name: text})

    def _change_age(self) -> None:
        names = {"Story": "created_at", "Chapter": "written_at", "Line": "said_at"}
        kind = self.chance.choice(list(names))
        self._update(kind, **{names[kind]: self._moment(0.7)})

    def _delete(self) -> None:
        """Delete a row, as SQL does it: where something points at it, the database refuses."""
        place = self._pick("Picture", "Story_tags", "Line")
        if place is None:
            return
        kind, key = place
        if model(kind)._base_manager.filter(pk=key)._raw_delete("default"):
            self._now[place] = GONE
        else:
            self._left_now.add(place)


def model(kind: str) -> Any:
    from django.apps import apps

    return apps.get_model("famapp", kind)


def loaded(values: dict[str, Any]) -> dict[str, Any]:
    """Return a journal's values as fields take them."""
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value
        for name, value in values.items()
    }


def main(seed: str, first_key: str, seconds: str, file: str) -> None:
    django.setup()
    writer = Writer(int(seed), int(first_key))
    writer.work(time.monotonic() + float(seconds))
    told = {
        "journal": [[*place, values] for place, values in writer.journal.items()],
        "left": sorted(writer.left),
        "writes": writer.writes,
        "failures": writer.failures,
    }
    Path(file).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
