"""What people are told when the database has ended a verb: what happened, what is kept, who could
be behind it, and that the next call goes on. The driver's own words come last."""

from __future__ import annotations

from django.db import Error

from dbhealth.backends import get_backend
from dbhealth.backends.trouble import Trouble
from dbhealth.conf import get_settings

_HAPPENED = {
    Trouble.LOCK_TIMEOUT: "Somebody else held a lock that this needs, also when it was tried again "
    "(LOCK_TIMEOUT is {lock:g} s, BATCH_RETRIES is {retries}).",
    Trouble.STATEMENT_TIMEOUT: "A statement was stopped, because it took too long "
    "(STATEMENT_TIMEOUT is {statement:g} s, SURVEY_TIMEOUT is {survey:g} s) or by somebody.",
    Trouble.DEADLOCK: "It and another session waited for each other, also when it was tried again "
    "(BATCH_RETRIES is {retries}), and the database ended the wait.",
    Trouble.SERIALIZATION: "Others kept changing the very rows that it works on, also when it was "
    "tried again (BATCH_RETRIES is {retries}).",
    Trouble.DISCONNECTED: "The connection to the database was lost or could not be opened.",
    Trouble.DISK_FULL: "The database has no room left to write.",
    Trouble.READ_ONLY: "The database takes no writes: it is read-only.",
}

_LONGEST = 200
"""Characters of the driver's own text."""


def plainly(error: BaseException) -> str:
    """Return the kind of an error and its text."""
    return f"{type(error).__name__}: {error}"


def told(error: BaseException, alias: str, *, begun: bool) -> str:
    """Return what an operator reads of an error of the database ``alias``.

    ``begun`` tells whether there was a batch already. An error of unknown kind keeps its text.
    """
    if not isinstance(error, Error):
        return plainly(error)
    errors, settings = get_backend(alias).errors, get_settings()
    trouble = errors.trouble(error)
    if trouble not in _HAPPENED:
        return plainly(error)
    happened = _HAPPENED[trouble].format(
        lock=settings.lock_timeout,
        statement=settings.statement_timeout,
        survey=settings.survey_timeout,
        retries=settings.batch_retries,
    )
    parts = (
        f"{str(trouble).capitalize()}. {happened}",
        _kept(trouble, begun=begun),
        errors.hint(trouble),
        "Call it again when that is settled: it does what is left.",
        f"The database said: {_shortened(error)}",
    )
    return " ".join(part for part in parts if part)


def _kept(trouble: Trouble, *, begun: bool) -> str:
    if not begun:
        return "No row was touched."
    if trouble is Trouble.DISCONNECTED:
        # Nobody has heard whether the last COMMIT arrived, nor whether the server has crashed.
        return "Each batch was kept whole, with its entry in the run log, or not at all."
    return "Nothing of the batch at work was kept, and everything before it was."


def _shortened(error: BaseException) -> str:
    """Return the first line; a driver shows the place in the statement below it."""
    text = plainly(error).strip().splitlines()[0]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
