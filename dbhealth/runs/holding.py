"""Why a run holds back: the sentences that it keeps while it waits, for whoever looks at it."""

from __future__ import annotations

from dbhealth.backends.trouble import Trouble
from dbhealth.runs.step_refusals import who

_WAITS = {
    Trouble.LOCK_TIMEOUT: "Somebody else holds a lock that it needs.",
    Trouble.STATEMENT_TIMEOUT: "A batch was stopped, because it took too long.",
    Trouble.DEADLOCK: "It and another session waited for each other.",
    Trouble.SERIALIZATION: "Others change the very rows that it works on.",
}


def batch_waits(trouble: Trouble, tries: int, most: int, rows: int) -> str:
    """Return why a batch is tried again: so often so far, with so many rows now.

    ``most`` is how often it is tried again before the run gives up.
    """
    why = _WAITS.get(trouble, f"{str(trouble).capitalize()}.")
    return f"{why} It tries again with {rows:,} rows ({tries} of {most})."


def step_waits(title: str, holders: tuple[str, ...], tries: int, most: int) -> str:
    """Return why a step is tried again after it has waited in vain for ``holders``."""
    return (
        f"{title} waits for a lock; in its way: {who(holders)}. It tries again ({tries} of {most})."
    )


def statement_waits(title: str, holders: tuple[str, ...]) -> str:
    """Return for whom a statement waits that is at work."""
    return f"{title} waits for {'; '.join(holders)}."
