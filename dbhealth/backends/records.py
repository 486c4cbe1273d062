"""Facts about a database, as frozen records: what the catalogue and the statistics say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column as the database has it. ``type`` is the engine's own spelling."""

    name: str
    type: str
    nullable: bool
    generated: bool


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation as the database has it.

    ``kind`` is "table", "partitioned table", "view", … ; ``hides_rows`` tells that row level
    security applies to the role that asks, so that some rows may be out of its sight. ``rules``
    are the names of those that rewrite what INSERT and DELETE do (CREATE RULE of PostgreSQL).
    """

    name: str
    kind: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    hides_rows: bool = False
    rules: tuple[str, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether rows can be deleted from it and inserted into it."""
        return self.kind in {"table", "partitioned table"}

    def column(self, name: str) -> Column | None:
        """Return the column ``name``, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Columns of ``table`` that point at ``target_columns`` of ``target``.

    ``enforced`` tells whether the database itself holds it; one that only Django or only a
    convention knows is not enforced. ``on_delete`` is what the database does by itself to the
    pointing rows ("CASCADE", "SET NULL", "SET DEFAULT"), empty where it does nothing or refuses.
    ``label`` is how people call it, ``rule`` the on_delete of the model's field by its name, empty
    where no model has it.
    """

    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    enforced: bool = True
    on_delete: str = ""
    label: str = ""
    rule: str = ""

    @property
    def ends(self) -> tuple[str, tuple[str, ...], str, tuple[str, ...]]:
        """What makes two foreign keys the same one."""
        return (self.table, self.columns, self.target, self.target_columns)


@dataclass(frozen=True, kw_only=True)
class GenericLink:
    """A generic foreign key of ``table``: the row's key as text, and its content type."""

    table: str
    object_column: str
    type_column: str
    type_id: int
    label: str


@dataclass(frozen=True, kw_only=True)
class RelationSize:
    """Size of a table (bytes) and its rows as the server estimates them (None: it does not).

    ``total_bytes`` includes indexes and out-of-line values. A size is None where the engine
    cannot tell, ``exact`` is false where it was estimated from page counts.
    """

    name: str
    table_bytes: int | None
    index_bytes: int | None
    total_bytes: int | None
    estimated_rows: int | None
    exact: bool = True


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a selection would take.

    ``oldest`` and ``newest`` of the eligible rows are timestamps as the database writes them,
    infinite ones left out; ``last_key`` is the greatest key of an eligible row, in a form that
    JSON keeps, None where there is none. ``rows`` and what follows are None unless the whole
    table was read; ``oldest_of_all`` is that of any row.
    """

    eligible: int
    oldest: str | None
    newest: str | None
    last_key: tuple[Any, ...] | None = None
    rows: int | None = None
    null_timestamps: int | None = None
    future_timestamps: int | None = None
    oldest_of_all: str | None = None


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What the beginning of a batch tells: the database's clock (aware, UTC), and a ``shape``.

    As long as two batches over the same tables see the same shape, these tables have the same
    columns, rules, triggers and foreign keys that point at them. It may differ where they do, too.
    """

    now: datetime
    shape: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Who asks: the role whose rights count (empty where the engine has none).

    ``takes_writes`` is false on a standby and where every transaction is read-only.
    """

    role: str = ""
    takes_writes: bool = True


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The rows that one batch took out of one table and put into its archive.

    The digests are those of the rows as they were when they left, and as the archive holds them.
    """

    deleted: int
    inserted: int
    digest_out: str
    digest_in: str


@dataclass(frozen=True, kw_only=True)
class Digested:
    """How many rows there are and what they come to, by the checksum of the engine."""

    rows: int
    total: str
