"""What is known of numbers that run out, and of rules that do not hold for every row."""

from __future__ import annotations

from dataclasses import dataclass

LIMITS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
"""The largest value of each type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberSequence:
    """A sequence, and the column that takes its values ("" where none does).

    ``last`` is the last value that it gave: None before the first one, and where it could not be
    seen: ``readable`` is false without the right, ``locked`` true behind somebody's lock.
    """

    name: str
    schema: str
    minimum: int
    maximum: int
    increment: int
    cycles: bool
    type: str
    last: int | None
    readable: bool = True
    locked: bool = False
    table: str = ""
    column: str = ""
    column_type: str = ""
    identity: bool = False

    @property
    def limit(self) -> int:
        """The last value that both the sequence and the column take."""
        most = LIMITS.get(self.column_type)
        if self.increment > 0:
            return self.maximum if most is None else min(self.maximum, most)
        return self.minimum if most is None else max(self.minimum, -most - 1)

    @property
    def ends_in_column(self) -> bool:
        """Whether the column is full before the sequence is, so that no cycle helps."""
        return self.limit not in (self.maximum, self.minimum)

    @property
    def used(self) -> float:
        """The part of its values that has been given (0 to 1)."""
        if self.last is None:
            return 0.0
        first = self.minimum if self.increment > 0 else self.maximum
        span = abs(self.limit - first)
        return min(1.0, abs(self.last - first) / span) if span else 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegerKey:
    """A column of whole numbers that is a primary key or unique by itself.

    ``largest`` is the largest value that ANALYZE saw, None where it saw none or may not be read
    (``readable``). ``rows`` is an estimate.
    """

    table: str
    column: str
    type: str
    primary: bool
    largest: int | None
    rows: int | None
    readable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegerReference:
    """A foreign key of one column of whole numbers, and the column that it refers to."""

    name: str
    table: str
    column: str
    type: str
    target: str
    target_column: str
    target_type: str

    @property
    def is_narrower(self) -> bool:
        """Whether the target can have values that the column cannot take."""
        return LIMITS[self.type] < LIMITS[self.target_type]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnprovenConstraint:
    """A constraint that was never proved for the rows that were there before it (NOT VALID)."""

    name: str
    table: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Collation:
    """A collation whose library sorts by another version than the one its indexes were made with.

    ``name`` is empty for the collation of the database itself. ``indexes`` are those it orders.
    """

    name: str
    database: str
    recorded: str
    actual: str
    indexes: tuple[str, ...]
