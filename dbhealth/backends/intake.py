"""What a table demands of rows that come in, and how archived rows come back: frozen records."""

from __future__ import annotations

from dataclasses import dataclass

from dbhealth.backends.records import ForeignKey
from dbhealth.backends.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Formula:
    """SQL on a table's own columns, which it names without the table.

    ``name`` is that of the generated column or of the constraint. The SQL is as the engine keeps
    it, "%" doubled.
    """

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One column or expression of a unique index. ``column`` is None for an expression.

    ``operator`` tells that two values collide: "=", or that of an exclusion constraint.
    """

    sql: str
    column: str | None
    operator: str = "="


@dataclass(frozen=True, kw_only=True)
class Unique:
    """What no two rows may have in common. ``condition`` (SQL) bounds it to some of the rows."""

    name: str
    parts: tuple[Part, ...]
    condition: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is made of columns only."""
        return not self.condition and all(part.column is not None for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Everything about a table that can refuse, change or fill a row that comes in.

    ``filled`` are columns for which the database has a value of its own; ``always`` tells that
    one of them is an identity that takes no other value unless one insists; ``triggers`` are the
    users' own, and rules, that an insert sets off.
    """

    filled: frozenset[str] = frozenset()
    always: bool = False
    generated: tuple[Formula, ...] = ()
    checks: tuple[Formula, ...] = ()
    uniques: tuple[Unique, ...] = ()
    references: tuple[ForeignKey, ...] = ()
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """How rows of an archive table come back.

    ``selection`` chooses rows of the archive. ``columns`` are copied to ``table`` under their own
    names; ``verified`` are columns, also generated ones, that must have the archived value when
    the row is back. ``links`` are foreign keys of the table to itself: what a row points at comes
    back with it. ``always`` as in :class:`Intake`.
    """

    selection: Selection
    table: str
    columns: tuple[str, ...]
    verified: tuple[str, ...] = ()
    links: tuple[ForeignKey, ...] = ()
    always: bool = False


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What one batch did: rows taken from the archive and put back, and those that came back
    with other values."""

    deleted: int
    inserted: int
    changed: int
