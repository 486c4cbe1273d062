"""The limits of our own transactions, as the project's settings have them."""

from __future__ import annotations

from dbhealth.backends.selection import Limits
from dbhealth.conf import get_settings


def batch_limits() -> Limits:
    """Return the limits of a transaction that writes."""
    settings = get_settings()
    return Limits(lock=settings.lock_timeout, statement=settings.statement_timeout)


def survey_limits() -> Limits:
    """Return the limits of the counting before a run."""
    settings = get_settings()
    return Limits(lock=settings.lock_timeout, statement=settings.survey_timeout)
