"""What is known of a server: its sessions, standbys, settings and transaction ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """What the role that asks may see.

    ``sees_others``: what sessions of other roles do, and how far standbys are. ``local``: the
    connection came over a socket, so that the server is on this machine.
    """

    role: str
    sees_others: bool
    local: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSession:
    """A session of the server; times in seconds, None where there is no such thing.

    ``here``: it is in the database of the alias. ``ours``: dbhealth's own statement is running.
    ``hidden``: the role that asks may not see what it does. ``query`` is without its values, and
    cut. ``xmin_age`` is how many transactions ago the oldest one began that it may still see.
    """

    pid: int
    kind: str = ""
    role: str = ""
    here: bool = True
    application: str = ""
    state: str = ""
    query: str = ""
    transaction: float | None = None
    statement: float | None = None
    in_state: float | None = None
    xmin_age: int | None = None
    ours: bool = False
    hidden: bool = False

    @property
    def label(self) -> str:
        """The session in words: 'session 42 of app (gunicorn)'."""
        by = f" of {self.role}" if self.role else ""
        return f"session {self.pid}{by}" + (f" ({self.application})" if self.application else "")

    @property
    def idles_in_transaction(self) -> bool:
        """Whether its transaction is open and waits for the client."""
        return self.state.startswith("idle in transaction")


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiter:
    """A session that waits for a lock, for how long (seconds), and for which sessions.

    A blocker 0 is a prepared transaction. ``about`` is the table, or the kind of lock.
    """

    pid: int
    seconds: float
    blockers: tuple[int, ...]
    about: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A transaction that was prepared (PREPARE TRANSACTION) and is neither committed nor gone."""

    gid: str
    owner: str
    seconds: float
    xmin_age: int
    here: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """How many sessions there may be; ``database`` and ``role`` are None without a limit."""

    server: int
    reserved: int
    database: int | None
    role: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standby:
    """A standby as its primary sees it: bytes of WAL that it has not replayed, and seconds."""

    name: str
    state: str
    bytes: int | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """How far a server that is a standby itself is.

    ``seconds`` is the age of the newest transaction that it shows, None where it has replayed none
    since it was started; ``bytes`` the WAL that it has received and not replayed. ``receiving``:
    it is connected to its primary. ``paused``: somebody has stopped the replay.
    """

    seconds: float | None
    bytes: int
    receiving: bool
    paused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A replication slot, and the WAL that it keeps (bytes).

    ``idle`` is for how long nobody has read from it (seconds), None where the server does not
    know. ``lost``: what it needs is gone. ``xmin_age``: transactions whose rows it keeps.
    """

    name: str
    kind: str
    active: bool
    lost: bool
    bytes: int | None
    idle: float | None
    xmin_age: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Archiver:
    """Whether WAL is archived, and since when that fails (seconds); None: it does not fail."""

    failing: float | None
    failed: int
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A setting of the server. ``bytes`` is its value where it is a size.

    ``is_default``: its value is the one that the server was built with.
    """

    name: str
    value: str
    shown: str
    bytes: int | None
    is_default: bool
    waits_for_restart: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What is known of the size of things; ``memory`` is None where the server is elsewhere."""

    database_bytes: int
    memory: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """An extension whose objects are older than the installed library's; versions as text."""

    name: str
    version: str
    available: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementStatistics:
    """Whether pg_stat_statements can be had, is loaded by the server, and is in this database."""

    available: bool
    loaded: bool
    created: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Counters:
    """What has happened in the database since its counters began; ``seconds`` ago, at the most."""

    temporary_files: int
    temporary_bytes: int
    deadlocks: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CostlyStatement:
    """One of the statements on which a database has spent the most time.

    ``seconds`` are those of all ``calls``, ``share`` their part of what all statements took.
    """

    number: int
    calls: int
    seconds: float
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Age:
    """How many transaction ids and multixact ids old the oldest row of a table or database is."""

    name: str
    xids: int
    mxids: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ages:
    """The oldest tables of the database, the oldest first, and every database of the server."""

    by_xid: tuple[Age, ...]
    by_mxid: tuple[Age, ...]
    databases: tuple[Age, ...]
