"""Facts about a database that is one file: what an engine of that kind answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dbhealth.backends.cures import FileCures


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """The file, and how this connection works on it; sizes in bytes.

    ``path`` is empty for a database in memory. ``checkpoint_pages`` is the size of the WAL at
    which it is written back by itself, 0: never.
    """

    path: str
    journal_mode: str
    synchronous: str
    foreign_keys: bool
    page_size: int
    pages: int
    free_pages: int
    wal_bytes: int
    checkpoint_pages: int
    auto_vacuum: bool

    @property
    def bytes(self) -> int:
        """The size of the database."""
        return self.pages * self.page_size

    @property
    def free_bytes(self) -> int:
        """What VACUUM would give back at the least."""
        return self.free_pages * self.page_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Another process that has the file open."""

    pid: int
    command: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dangling:
    """Rows of a table that point at rows which are not there; ``rowids`` of a few of them."""

    table: str
    target: str
    column: str
    rows: int
    rowids: tuple[int, ...]


class FileLook(Protocol):
    """Raises NotSupported where the database is no file (``features.is_a_file``)."""

    @property
    def cures(self) -> FileCures:
        """The statements that mend what the facts are about."""

    def facts(self) -> FileFacts:
        """Return what the file and the connection say of themselves; reads no table."""

    def holders(self) -> tuple[Holder, ...]:
        """Return the other processes that have the file open, as far as this user may see them.

        The operating system is asked through /proc; where there is none, nobody is seen.
        """

    def damage(self, *, whole: bool) -> tuple[str, ...]:
        """Read the file and return what is wrong with its structure, a few lines of it.

        ``whole``: that every index has every row is looked at as well, which takes longer.
        """

    def has_rows(self, table: str, least: int) -> bool:
        """Return whether a table has ``least`` rows; reads so many of them at the most."""

    def dangling(self) -> tuple[Dangling, ...]:
        """Read all foreign keys and return those that point nowhere, by table."""
