"""What the recorder keeps in memory until it is written down: bounded, and safe between threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import Lock
from typing import Any

from dbhealth.backends.planning import PlannedIndex
from dbhealth.queries.statements import SHOWN, Seen, fingerprint, is_light, normal

STATEMENTS_AN_INDEX = 5
"""Of so many statements a process stores the text, for each index."""

ASK_AGAIN = 3_600.0
"""A plan is looked at again after so long (seconds): indexes come and go."""

Database = tuple[str, str]
"""An alias and the name of the database behind it, which is another one in tests."""


@dataclass
class Pending:
    """What is to be added to the tables of one database, and not written yet."""

    uses: dict[tuple[PlannedIndex, date], tuple[float, datetime]] = field(default_factory=dict)
    statements: dict[tuple[PlannedIndex, str], tuple[str, datetime]] = field(default_factory=dict)

    def add_use(self, index: PlannedIndex, day: date, uses: float, last: datetime) -> None:
        """Add to the count of an index on a day."""
        before, earlier = self.uses.get((index, day), (0.0, last))
        self.uses[index, day] = (before + uses, max(earlier, last))

    def merge(self, other: Pending) -> None:
        """Add what ``other`` holds."""
        for (index, day), (uses, last) in other.uses.items():
            self.add_use(index, day, uses, last)
        self.statements = other.statements | self.statements

    def without_fractions(self) -> Pending:
        """Take the whole numbers out, and leave here what is less than one use."""
        taken = Pending(statements=self.statements)
        left = {}
        for key, (uses, last) in self.uses.items():
            if whole := int(uses + 1e-6):
                taken.uses[key] = (float(whole), last)
            if uses - whole > 1e-6:
                left[key] = (uses - whole, last)
        self.uses, self.statements = left, {}
        return taken


@dataclass
class _Book:
    """Everything about one database."""

    seen: OrderedDict[str, Seen] = field(default_factory=OrderedDict)
    pending: Pending = field(default_factory=Pending)
    shown: dict[PlannedIndex, dict[str, str]] = field(default_factory=dict)


class Memory:
    """Counts statements. Every method may be called from any thread."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: in a forked child too, whose parent writes its own counts."""
        self._lock = Lock()
        self._books: dict[Database, _Book] = {}

    def forget(self, database: Database) -> None:
        """Forget all about one database."""
        with self._lock:
            self._books.pop(database, None)

    def databases(self) -> list[Database]:
        """Return the databases that something is known of."""
        with self._lock:
            return list(self._books)

    def note(
        self,
        database: Database,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None,
        *,
        executions: float,
        most: int,
        clock: float,
    ) -> None:
        """Count ``executions`` of a statement; keep at most so many statements in memory.

        ``clock`` is the monotonic one (seconds).
        """
        text = normal(sql)
        mark = fingerprint(text)
        with self._lock:
            book = self._books.get(database)
            if book is None:
                book = self._books[database] = _Book()
            seen = book.seen.get(mark)
            if seen is None:
                while len(book.seen) >= most:
                    _settle(book, *book.seen.popitem(last=False))
                seen = book.seen[mark] = Seen(text=text[:SHOWN])
            else:
                book.seen.move_to_end(mark)
            seen.executions += executions
            seen.last_used = datetime.now(UTC)
            if clock - seen.asked > ASK_AGAIN and is_light(params):
                seen.sql = sql
                seen.params = tuple(params) if isinstance(params, list) else params

    def unexplained(self, database: Database) -> list[tuple[str, Seen]]:
        """Return the statements that the planner has to be asked about, the newest first."""
        with self._lock:
            book = self._books.get(database, _Book())
            return [(mark, seen) for mark, seen in reversed(book.seen.items()) if seen.sql]

    def explained(
        self, database: Database, mark: str, plan: Iterable[PlannedIndex], clock: float
    ) -> None:
        """Keep what a statement uses, and give its parameters up."""
        with self._lock:
            book = self._books.get(database)
            seen = book.seen.get(mark) if book else None
            if book is None or seen is None:
                return
            # What was counted so far was done by the plan before this one, if there was any.
            if seen.plan is not None:
                _settle(book, mark, seen)
            seen.plan, seen.asked = tuple(plan), clock
            seen.sql, seen.params = "", None
            for index in seen.plan:
                shown = book.shown.setdefault(index, {})
                if len(shown) < STATEMENTS_AN_INDEX:
                    shown[mark] = seen.text

    def take(self, database: Database) -> Pending:
        """Return what is to be written, and count from zero again."""
        with self._lock:
            book = self._books.get(database)
            if book is None:
                return Pending()
            for mark, seen in book.seen.items():
                _settle(book, mark, seen)
            return book.pending.without_fractions()

    def give_back(self, database: Database, pending: Pending) -> None:
        """Take back what could not be written."""
        with self._lock:
            self._books.setdefault(database, _Book()).pending.merge(pending)


def _settle(book: _Book, mark: str, seen: Seen) -> None:
    """Turn executions of a statement into uses of its indexes, where its plan is known."""
    if seen.plan is None or seen.last_used is None or not seen.executions:
        return
    for index in seen.plan:
        book.pending.add_use(index, seen.last_used.date(), seen.executions, seen.last_used)
        if mark in (shown := book.shown.get(index, {})):
            book.pending.statements[index, mark] = (shown[mark], seen.last_used)
    seen.executions = 0.0
