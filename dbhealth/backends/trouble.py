"""The kinds of trouble a statement can meet, whatever the driver calls them."""

from __future__ import annotations

from enum import StrEnum

from dbhealth.saying import say as _


class Trouble(StrEnum):
    """What went wrong, as far as the next step depends on it."""

    LOCK_TIMEOUT = _("lock timeout")
    STATEMENT_TIMEOUT = _("statement timeout")
    DEADLOCK = _("deadlock")
    SERIALIZATION = _("serialization failure")
    INTEGRITY = _("constraint violation")
    DISCONNECTED = _("connection lost")
    DISK_FULL = _("disk full")
    READ_ONLY = _("read-only")
    DENIED = _("missing right")
    OTHER = _("error")

    @property
    def told(self) -> str:
        """The trouble as sentences name it."""
        return _(self.value)

    @property
    def passes(self) -> bool:
        """Whether the same work may succeed when it is tried again, in a smaller piece."""
        return self in {
            Trouble.LOCK_TIMEOUT,
            Trouble.STATEMENT_TIMEOUT,
            Trouble.DEADLOCK,
            Trouble.SERIALIZATION,
        }
