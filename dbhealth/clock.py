"""Moments as the project keeps them: aware with USE_TZ, else naive in its own time zone."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone


def now() -> datetime:
    """Return this moment as an aware one, which Django's own is with USE_TZ only."""
    return datetime.now(UTC)


def kept(moment: datetime) -> datetime:
    """Return an aware moment as a DateTimeField of this project keeps it."""
    return moment if settings.USE_TZ else timezone.make_naive(moment)


def aware(moment: datetime) -> datetime:
    """Return a moment from a DateTimeField of this project as an aware one."""
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
