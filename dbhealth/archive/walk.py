"""The walk along a table's keys: where a batch begins and where it ends."""

from __future__ import annotations

from typing import Any

from dbhealth.archive.plan import (
    ArchivePlan,
)
from dbhealth.backends import Backend
from dbhealth.backends.limits import survey_limits
from dbhealth.backends.selection import Key, KeyRange, Selection

# From this share of eligible rows among the key numbers on, it is cheaper to take the next so
# many numbers, of which some lead to no row, than to look for the key that ends a full batch.
_DENSE = 0.8


class Walk:
    """Goes forward only, up to the last key that was eligible when the run began."""

    def __init__(self, backend: Backend, plan: ArchivePlan, cursor: list[Any] | None) -> None:
        """Begin behind ``cursor``, the key up to which an earlier process has come."""
        if plan.selection is None:
            raise ValueError("A plan that could not look at its table cannot be walked.")
        self.rows = backend.rows
        self.selection: Selection = plan.selection
        self.last = plan.last_key
        self.cursor: Key | None = None if cursor is None else tuple(cursor)
        self._is_dense = False
        # So many rows leave with a row of the table, itself counted.
        self._each = max(1.0, plan.expected / plan.eligible) if plan.eligible else 1.0

    @property
    def rest(self) -> KeyRange:
        """The keys that are still to be gone through."""
        return KeyRange(after=self.cursor, upto=self.last)

    def next_batch(self, size: int) -> tuple[KeyRange, Key] | None:
        """Return the next range of keys, of at most ``size`` rows with their families.

        None at the end. Where one row and what belongs to it are more rows than that, it is
        that row alone.
        """
        if not self.selection.is_family:
            return self._range(size)
        rows = max(1, int(size / self._each))
        while (found := self._range(rows)) is not None:
            sizes = self.rows.sizes(self.selection, found[0], survey_limits())
            family = sum(sizes)
            if sizes[0]:
                self._each = max(1.0, family / sizes[0])
            if family <= size or rows == 1:
                return found
            rows = max(1, min(rows // 2, int(rows * size / family)))
        return None

    def _range(self, size: int) -> tuple[KeyRange, Key] | None:
        upto = self._end(size)
        return None if upto is None else (KeyRange(after=self.cursor, upto=upto), upto)

    def _end(self, size: int) -> Key | None:
        """Return the key with which a batch of at most ``size`` rows ends, None at the end."""
        if self.last is None:
            return None
        if self._is_dense and (leap := self._leap(size)) is not None:
            return leap
        return self.rows.next_key(self.selection, self.rest, size, survey_limits())

    def went(self, upto: Key, moved: int) -> None:
        """Move the cursor behind a batch that is committed; ``moved`` counts the table's rows."""
        start = self.rows.key_number(self.selection, self.cursor)
        end = self.rows.key_number(self.selection, upto)
        self._is_dense = (
            start is not None and end is not None and moved >= _DENSE * (end - start) > 0
        )
        self.cursor = upto

    def _leap(self, size: int) -> Key | None:
        """Return the key ``size`` numbers on, None where there is none before the last one."""
        start = self.rows.key_number(self.selection, self.cursor)
        end = self.rows.key_number(self.selection, self.last)
        if start is None or end is None or self.last is None or start >= end:
            return None
        return self.rows.number_key(min(start + size, end), self.last)
