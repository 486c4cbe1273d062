"""Why a run in steps over a whole database does not begin, or does not do a step."""

from __future__ import annotations

from collections.abc import Iterable

from django.template.defaultfilters import filesizeformat

from dbhealth.backends import Backend
from dbhealth.backends.statement import InTransaction
from dbhealth.backends.steps import Step
from dbhealth.backends.upkeep import Room
from dbhealth.exceptions import Refusal, Refused, SharedSession
from dbhealth.saying import joined
from dbhealth.saying import say as _


def nested_transaction(alias: str) -> Refusal:
    """The caller has a transaction open."""
    return Refusal(
        code="nested-transaction",
        what=_("A transaction is open on {alias!r}.", alias=alias),
        why=_(
            "Indexes and tables are seen to beside the work of others in transactions of their "
            "own, which would wait for the open one for ever."
        ),
        instead=_("Call it outside of atomic() and with autocommit on."),
    )


def run_log_missing(alias: str) -> Refusal:
    """dbhealth's own tables are not there."""
    return Refusal(
        code="run-log-missing",
        what=_("The database {alias!r} has no run log.", alias=alias),
        why=_("What is done would be on record nowhere, and two processes could do it."),
        instead=_("Run manage.py migrate dbhealth --database {alias}.", alias=alias),
    )


def ensure_session(backend: Backend, steps: Iterable[Step]) -> None:
    """Raise Refused where steps need a session of their own and cannot have one."""
    statements = [statement for step in steps for statement in step.statements]
    if all(each.transaction is not InTransaction.FORBIDDEN for each in statements):
        return
    try:
        with backend.executor.alone():
            pass
    except SharedSession as shared:
        raise Refused([session_shared(backend.alias, str(shared))]) from shared


def session_shared(alias: str, said: str) -> Refusal:
    """There is no session to be had that nobody else uses. ``said`` tells why."""
    return Refusal(
        code="session-shared",
        what=said,
        why=_(
            "VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY have their timeouts from the session. "
            "In one that is handed on they could wait for ever, and what others do there could "
            "fail by our timeouts; whether this pooler does so cannot be told from here."
        ),
        instead=_(
            "Tell the way to the server itself: DBHEALTH['DIRECT'] = {mapping}.",
            mapping=f"{{{alias!r}: 'host=… port=5432'}}",
        ),
    )


def database_locked(alias: str, holders: tuple[str, ...]) -> Refusal:
    """The run log could not be written, because somebody else holds the lock."""
    return Refusal(
        code="database-locked",
        what=_(
            "The database {alias!r} stayed locked for as long as it was waited for.", alias=alias
        ),
        why=_("Somebody else writes to it: {holders}.", holders=who(holders)),
        instead=_(
            "End or finish that work, then call it again. A transaction that a shell, a debugger "
            "or a long import keeps open is the usual reason."
        ),
    )


def no_room(short: Iterable[Room]) -> Refusal:
    """The disk has not enough room for writing the file anew."""
    places = [
        _(
            "{place} has {size} free and {needed} are needed",
            place=room.place,
            size=size(room.free or 0),
            needed=size(room.needed),
        )
        for room in short
    ]
    return Refusal(
        code="no-room",
        what=_("The file was not written anew: {places}.", places=joined(places, "; ")),
        why=_(
            "VACUUM copies the file and writes the copy back through a journal; a disk that "
            "becomes full on the way stops everybody else who writes to it."
        ),
        instead=_(
            "Make room, or let temporary files go to another disk with the environment variable "
            "SQLITE_TMPDIR."
        ),
    )


def size(number: int) -> str:
    """Return bytes as people read them."""
    return str(filesizeformat(number)).replace("\xa0", " ")


def who(holders: tuple[str, ...]) -> str:
    """Return sessions in one phrase."""
    if holders:
        return joined(holders, "; ")
    return _("nobody who can be named, and who may be gone by now")
