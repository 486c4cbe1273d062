"""Why a run in steps over a whole database does not begin, or does not do a step."""

from __future__ import annotations

from collections.abc import Iterable

from django.template.defaultfilters import filesizeformat

from dbhealth.backends.upkeep import Room
from dbhealth.exceptions import Refusal


def nested_transaction(alias: str) -> Refusal:
    """The caller has a transaction open."""
    return Refusal(
        code="nested-transaction",
        what=f"A transaction is open on {alias!r}.",
        why="Indexes and tables are seen to beside the work of others in transactions of their "
        "own, which would wait for the open one for ever.",
        instead="Call it outside of atomic() and with autocommit on.",
    )


def run_log_missing(alias: str) -> Refusal:
    """dbhealth's own tables are not there."""
    return Refusal(
        code="run-log-missing",
        what=f"The database {alias!r} has no run log.",
        why="What is done would be on record nowhere, and two processes could do it.",
        instead=f"Run manage.py migrate dbhealth --database {alias}.",
    )


def database_locked(alias: str, holders: tuple[str, ...]) -> Refusal:
    """The run log could not be written, because somebody else holds the lock."""
    return Refusal(
        code="database-locked",
        what=f"The database {alias!r} stayed locked for as long as it was waited for.",
        why=f"Somebody else writes to it: {who(holders)}.",
        instead="End or finish that work, then call it again. A transaction that a shell, a "
        "debugger or a long import keeps open is the usual reason.",
    )


def no_room(short: Iterable[Room]) -> Refusal:
    """The disk has not enough room for writing the file anew."""
    places = "; ".join(
        f"{room.place} has {size(room.free or 0)} free and {size(room.needed)} are needed"
        for room in short
    )
    return Refusal(
        code="no-room",
        what=f"The file was not written anew: {places}.",
        why="VACUUM copies the file and writes the copy back through a journal; a disk that "
        "becomes full on the way stops everybody else who writes to it.",
        instead="Make room, or let temporary files go to another disk with the environment "
        "variable SQLITE_TMPDIR.",
    )


def size(number: int) -> str:
    """Return bytes as people read them."""
    return str(filesizeformat(number)).replace("\xa0", " ")


def who(holders: tuple[str, ...]) -> str:
    """Return sessions in one phrase."""
    return "; ".join(holders) or "nobody who can be named, and who may be gone by now"
