"""Everything that dbhealth raises on purpose.

DBHealthError
├── ConfigurationError      the DBHEALTH setting, a policy or a registered index is wrong
│   └── UnsupportedEngine   the alias runs on a database that dbhealth does not know
├── UsageError              wrong input of a command or a function (exit code 2)
├── NotSupported            this engine cannot do it; a feature flag says so
├── Refused                 a verb will not start; carries the refusals
├── IllegalMove             a run cannot go from this state to that one
├── SharedSession           a pooler hands a session on that a statement needs for itself
├── OutOfTime               a look at the database did not come to its end in time
├── LostOwnership           another process has taken the run over
└── BatchError              a batch was rolled back and nothing of it was kept
    ├── CountMismatch       not as many rows arrived as left
    ├── RowChanged          a row came back with other values than it had
    ├── DigestMismatch      what arrived is not what left
    ├── SchemaChanged       the table changed its columns while the run was going on
    ├── ConstraintViolated  a constraint of the database refused the batch
    └── KeyTaken            the archive already holds a row with this key
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One reason not to start, in sentences for people.

    ``code`` is stable and for machines; ``what`` says what was refused, ``why`` what would
    have been hurt, ``instead`` what to do, ``override`` the named switch that allows it all
    the same (empty where there is none).
    """

    code: str
    what: str
    why: str
    instead: str
    override: str = ""

    def __str__(self) -> str:
        """Return the refusal as one paragraph."""
        text = f"{self.what} {self.why} {self.instead}"
        return f"{text} To go ahead all the same: {self.override}." if self.override else text

    def as_dict(self) -> dict[str, str]:
        """Return the parts for JSON."""
        return asdict(self)


class DBHealthError(Exception):
    """The root of everything that dbhealth raises on purpose."""


class ConfigurationError(DBHealthError):
    """The DBHEALTH setting, a policy or a registered index is wrong."""


class UnsupportedEngine(ConfigurationError):
    """The alias runs on a database that dbhealth does not know."""


class UsageError(DBHealthError):
    """Wrong input of a command or a function; nothing was changed."""


class NotSupported(DBHealthError):
    """This engine cannot do it, as its feature flag says."""


class SharedSession(DBHealthError):
    """A statement needs a session of its own, and a pooler hands sessions on to others."""


class Refused(DBHealthError):
    """A verb will not start. ``refusals`` holds each reason."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        """Keep the reasons; the message is all of them."""
        self.refusals = tuple(refusals)
        super().__init__("\n".join(str(refusal) for refusal in self.refusals))


class IllegalMove(DBHealthError):
    """A run cannot go from this state to that one."""


class OutOfTime(DBHealthError):
    """A look at the database did not come to its end in the time that it has."""


class LostOwnership(DBHealthError):
    """Another process has taken the run over; this one must not write any more."""


class BatchError(DBHealthError):
    """A batch was rolled back and nothing of it was kept."""


class CountMismatch(BatchError):
    """Not as many rows arrived in the archive as left the source."""


class DigestMismatch(BatchError):
    """What arrived in the archive is not what left the source, by a checksum of both."""


class RowChanged(BatchError):
    """A row came back to the source with other values than the archive had."""


class SchemaChanged(BatchError):
    """A table is not what it was when it was looked at, or what acts on its rows has changed."""


class ConstraintViolated(BatchError):
    """A constraint of the database refused the batch."""


class KeyTaken(BatchError):
    """The archive already holds a row with the key of a row that was to be moved."""
