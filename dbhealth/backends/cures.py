"""The statements that a finding advises: only shown, for people to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dbhealth.backends.key_records import Collation, IntegerKey, IntegerReference, NumberSequence


class ServerCures(Protocol):
    """What mends a server. Each is SQL that can be copied, with its semicolon."""

    def see_sessions(self, role: str) -> str:
        """Return what lets a role see what others do, without a semicolon."""

    def see_sequences(self, schema: str, role: str) -> str:
        """Return what lets a role see the sequences of a schema, without a semicolon."""

    def see_column(self, table: str, column: str, role: str) -> str:
        """Return what lets a role see a column and its statistics, without a semicolon."""

    def cancel(self, pid: int) -> str:
        """Return what ends the statement of a session."""

    def terminate(self, pid: int) -> str:
        """Return what ends a session and its transaction."""

    def end_prepared(self, gid: str) -> tuple[str, str]:
        """Return what commits a prepared transaction, and what takes it back."""

    def drop_slot(self, name: str) -> str:
        """Return what drops a replication slot."""

    def resume_replay(self) -> str:
        """Return what lets a standby go on."""

    def set(self, name: str, value: str) -> tuple[str, ...]:
        """Return what sets a setting of the server and makes it read it."""

    def reload(self) -> str:
        """Return what makes the server read its configuration again."""

    def preload(self, library: str, loaded: str) -> str:
        """Return what loads a library with the server beside those that it loads (the setting)."""

    def create_extension(self, name: str) -> str:
        """Return what makes an extension in this database."""

    def update_extension(self, name: str) -> str:
        """Return what updates an extension."""

    def widen(
        self,
        key: NumberSequence | IntegerKey,
        references: Sequence[IntegerReference],
    ) -> tuple[str, ...]:
        """Return what makes a column and those that refer to it bigint, these first."""

    def widen_reference(self, reference: IntegerReference) -> tuple[str, ...]:
        """Return what gives a foreign key the type of the column that it refers to."""

    def raise_limit(self, sequence: NumberSequence) -> str:
        """Return what takes a sequence's own bound away."""

    def catch_up(self, sequence: NumberSequence) -> str:
        """Return what sets a sequence behind the largest value of its column."""

    def validate(self, table: str, constraint: str) -> str:
        """Return what proves a constraint for every row."""

    def recollate(self, collation: Collation) -> tuple[str, ...]:
        """Return what makes its indexes anew and records the version that they have then."""

    def freeze(self, table: str) -> str:
        """Return what lets a table have no old transaction ids."""

    def freeze_database(self) -> str:
        """Return what does that for the whole database one is connected to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCures:
    """What mends a file; statements with their semicolons."""

    wal: str
    full_synchronous: str
    enforce_keys: str
    checkpoint: str
    shrink: str
    shrink_a_little: str
    analyze: str
    rebuild_indexes: str
    recover: str
