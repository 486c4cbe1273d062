"""Writers that change events at random and keep a journal of what they committed.

Each writer has keys of its own, so that its journal alone tells what became of each of its rows.
Also a program: `python -m tests.moveapp.writers SEED FIRST_KEY SECONDS FILE` keeps it in a file.
"""

import json
import random
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.utils import timezone

LEAST = 6
"""Writes that each writer gets done, or there was nothing to see; how soon is up to the machine."""


@dataclass(frozen=True)
class Written:
    """A row as it was last committed; ``gone`` once the writer saw that it had left the source."""

    payload: str
    version: int
    done: bool
    created_at: str
    deleted: bool = False
    gone: bool = False

    @property
    def values(self) -> dict[str, Any]:
        return {
            "payload": self.payload,
            "version": self.version,
            "done": self.done,
            "created_at": datetime.fromisoformat(self.created_at),
        }


class Writer:
    """Inserts, updates, makes eligible and ineligible, deletes; one to three rows at a time."""

    def __init__(self, seed: int, first_key: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.next_key = first_key
        self.journal: dict[int, Written] = {}
        self.writes = self.failures = 0

    def work(self, until: float) -> None:
        """Write until a moment of time.monotonic(), and until LEAST writes have succeeded."""
        from django.db import OperationalError

        while time.monotonic() < until or self.writes < LEAST:
            try:
                self.journal.update(self._one_transaction())
                self.writes += 1
            except OperationalError:  # a deadlock, or SQLite was busy: rolled back as a whole
                self.failures += 1
            # Writers of a real project think between two writes, too.
            time.sleep(self.chance.uniform(0, 0.002))

    def _one_transaction(self) -> dict[int, Written]:
        from django.db import transaction

        acts = [self._insert, self._update, self._update, self._change_age, self._delete]
        with transaction.atomic():
            written: dict[int, Written] = {}
            for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
                written |= self.chance.choice(acts)(written)
            return written

    def _moment(self) -> str:
        old = self.chance.random() < 0.7
        days = self.chance.uniform(31, 400) if old else self.chance.uniform(0, 29)
        return (timezone.now() - timedelta(days=days)).isoformat()

    def _insert(self, others: dict[int, Written]) -> dict[int, Written]:
        from tests.moveapp.models import Event

        key, self.next_key = self.next_key, self.next_key + self.chance.randint(1, 5)
        row = Written(f"first {key}", 0, self.chance.random() < 0.8, self._moment())
        Event.everything.create(pk=key, **row.values)
        return {key: row}

    def _pick(self, others: dict[int, Written]) -> int | None:
        keys = [k for k, row in self.journal.items() if not (row.gone or row.deleted)]
        free = [key for key in keys[-400:] if key not in others]
        return self.chance.choice(free) if free else None

    def _changed(self, others: dict[int, Written], **changes: Any) -> dict[int, Written]:
        from tests.moveapp.models import Event

        if (key := self._pick(others)) is None:
            return self._insert(others)
        row = replace(self.journal[key], version=self.journal[key].version + 1, **changes)
        if Event.everything.filter(pk=key).update(**row.values):
            return {key: row}
        return {key: replace(self.journal[key], gone=True)}

    def _update(self, others: dict[int, Written]) -> dict[int, Written]:
        return self._changed(others, payload=f"changed {self.chance.random()}")

    def _change_age(self, others: dict[int, Written]) -> dict[int, Written]:
        return self._changed(others, created_at=self._moment(), done=self.chance.random() < 0.7)

    def _delete(self, others: dict[int, Written]) -> dict[int, Written]:
        from tests.moveapp.models import Event

        if (key := self._pick(others)) is None:
            return self._insert(others)
        # As SQL does it: no look at the row before.
        deleted = Event.everything.filter(pk=key)._raw_delete("default")
        return {key: replace(self.journal[key], deleted=bool(deleted), gone=not deleted)}


def main(seed: str, first_key: str, seconds: str, file: str) -> None:
    django.setup()
    writer = Writer(int(seed), int(first_key))
    writer.work(time.monotonic() + float(seconds))
    journal = {key: asdict(row) for key, row in writer.journal.items()}
    told = {"journal": journal, "writes": writer.writes, "failures": writer.failures}
    Path(file).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
