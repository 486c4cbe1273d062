"""Django's own log: who has done what on the pages."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import get_content_type_for_model
from django.http import HttpRequest
from django.utils import translation


def log(request: HttpRequest, obj: Any, message: str) -> None:
    """Put into Django's log what a user has done to a row of dbhealth's own tables."""
    from django.contrib.admin.models import CHANGE, LogEntry

    key: Any = request.user.pk
    with translation.override("en"):  # what is on record reads the same for everybody
        named = f"{obj} [{obj.database}]"
    LogEntry.objects.create(
        user_id=key,
        content_type_id=get_content_type_for_model(obj).pk,
        object_id=str(obj.pk),
        object_repr=named[:200],
        action_flag=CHANGE,
        change_message=message,
    )
