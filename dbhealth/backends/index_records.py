"""Facts about indexes, as frozen records: how they are made, how they stand, how they are used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from dbhealth.backends.records import ForeignKey


class KeyPart(NamedTuple):
    """One key of an index: a column, or an expression as the engine writes it.

    A tuple, because keys are compared and hashed for every two indexes of a table.

    ``opclass`` and ``collation`` are empty where they are those that the engine would take by
    itself for this column (for an expression: the database's own collation), else they stand as
    in SQL, an operator class with its options. SQLite always takes NULL for the smallest value and
    has no word for it; ``nulls_first`` is false there.
    """

    column: str = ""
    expression: str = ""
    descending: bool = False
    nulls_first: bool = False
    opclass: str = ""
    collation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The structure of an index: two indexes of one table with equal shapes are duplicates.

    ``predicate`` is the condition of a partial index as the engine writes it; ``excludes`` are
    the operators of an exclusion constraint, one a key; ``include`` are columns that are stored
    along and are no keys. ``deferrable`` is what a constraint says of itself ("DEFERRABLE",
    "DEFERRABLE INITIALLY DEFERRED"), empty where it is checked with each row.
    """

    method: str
    keys: tuple[KeyPart, ...]
    unique: bool = False
    include: tuple[str, ...] = ()
    predicate: str = ""
    nulls_distinct: bool = True
    excludes: tuple[str, ...] = ()
    deferrable: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The key columns by name; an expression stands as an empty name."""
        return tuple(part.column for part in self.keys)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sketch:
    """An index that is not there: the statement that would make it on ``table``."""

    table: str
    sql: str


class Holds(StrEnum):
    """The constraint that an index exists for, by the words of SQL."""

    NOTHING = ""
    PRIMARY_KEY = "PRIMARY KEY"
    UNIQUE = "UNIQUE"
    EXCLUSION = "EXCLUDE"


class Index(NamedTuple):
    """An index as the database has it.

    A tuple, as are IndexUse and TableUse: catalogues have ten thousands, and these are made in
    half the time.

    ``table`` is as Django calls it. ``constraint`` names the constraint that owns the index,
    ``referenced`` tells that a foreign key points at its columns and could not do without it.
    ``valid`` is false for one that queries do not use: a build that failed or is going on
    (``building``). ``child`` belongs to the index of a partitioned table and cannot be dropped
    alone. ``definition`` is SQL that makes it, ``oid`` the engine's own number or 0.
    """

    table: str
    name: str
    shape: Shape
    definition: str
    oid: int = 0
    holds: Holds = Holds.NOTHING
    constraint: str = ""
    referenced: bool = False
    valid: bool = True
    building: bool = False
    replica_identity: bool = False
    clustered: bool = False
    child: bool = False
    partitioned: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexCatalogue:
    """The indexes of a database, and the tables that could not be looked at in time.

    ``left_out`` are tables that another session holds with a lock that even reading the
    catalogue waits for; nothing is known of their indexes.
    """

    indexes: tuple[Index, ...]
    left_out: tuple[str, ...] = ()


class IndexUse(NamedTuple):
    """How an index has been used since the statistics began.

    ``rows_read`` are entries that scans returned, ``rows_fetched`` live rows that simple scans
    took from the table by them (the definitions of pg_stat_all_indexes). Blocks are pages read
    from outside or found in the buffer cache. ``entries`` is an estimate of what stands in it. Of
    a partitioned index all of this is the sum of its children. None: the engine does not tell.
    """

    table: str
    name: str
    oid: int = 0
    scans: int | None = None
    rows_read: int | None = None
    rows_fetched: int | None = None
    last_scan: datetime | None = None
    blocks_read: int | None = None
    blocks_hit: int | None = None
    bytes: int | None = None
    exact_bytes: bool = True
    entries: int | None = None


class TableUse(NamedTuple):
    """How a table has been read and written since the statistics began.

    ``rows`` is an estimate, ``bytes`` the table without its indexes (on PostgreSQL as of its last
    VACUUM or ANALYZE). Of a partitioned table all of this is the sum of its partitions. ``row_key``
    is the column that is the row's own number, empty where there is none: the table itself finds
    rows by it, as an index would (SQLite).
    """

    table: str
    rows: int | None = None
    bytes: int | None = None
    sequential_scans: int | None = None
    sequential_rows: int | None = None
    index_scans: int | None = None
    index_rows: int | None = None
    inserts: int | None = None
    updates: int | None = None
    deletes: int | None = None
    hot_updates: int | None = None
    last_sequential_scan: datetime | None = None
    row_key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts:
    """What ANALYZE found out about a column (pg_stats; sqlite_stat1 knows less).

    ``null_share`` is 0 to 1. ``distinct`` is a number of values, absolute; None where unknown.
    """

    table: str
    column: str
    null_share: float | None = None
    distinct: float | None = None
    average_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StatisticsSource:
    """Where figures of use come from, and since when they count.

    ``since`` is the moment of the last reset or of the recorder's first record. ``replica``: this
    server is a standby; ``replicas`` is how many standbys read from it now, each of which counts
    its own scans.
    """

    name: str
    now: datetime
    since: datetime | None = None
    server_started: datetime | None = None
    replica: bool = False
    replicas: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class UseReport:
    """All figures of use of one database, read at one moment.

    ``left_out`` are tables that another session holds, or waits for, with a lock behind which
    sizes cannot be measured; the other figures of them are there. ``columns`` and
    ``foreign_keys`` are empty where they were not asked for.
    """

    source: StatisticsSource
    indexes: tuple[IndexUse, ...]
    tables: tuple[TableUse, ...]
    columns: tuple[ColumnFacts, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    left_out: tuple[str, ...] = field(default=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Bloat:
    """Room that an index takes and does not need (bytes).

    ``source`` says in words where the figure comes from; ``exact`` is false for an estimate.
    """

    table: str
    name: str
    bytes: int
    wasted_bytes: int
    source: str
    exact: bool
