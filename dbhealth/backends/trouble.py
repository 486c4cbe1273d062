"""The kinds of trouble a statement can meet, whatever the driver calls them."""

from enum import StrEnum


class Trouble(StrEnum):
    """What went wrong, as far as the next step depends on it."""

    LOCK_TIMEOUT = "lock timeout"
    STATEMENT_TIMEOUT = "statement timeout"
    DEADLOCK = "deadlock"
    SERIALIZATION = "serialization failure"
    INTEGRITY = "constraint violation"
    DISCONNECTED = "connection lost"
    DISK_FULL = "disk full"
    READ_ONLY = "read-only"
    DENIED = "missing right"
    OTHER = "error"

    @property
    def passes(self) -> bool:
        """Whether the same work may succeed when it is tried again, in a smaller piece."""
        return self in {
            Trouble.LOCK_TIMEOUT,
            Trouble.STATEMENT_TIMEOUT,
            Trouble.DEADLOCK,
            Trouble.SERIALIZATION,
        }
