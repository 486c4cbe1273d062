"""What people do with a run that is there: the actions, and those that are possible just now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from dbhealth.admin.permissions import may
from dbhealth.admin.run_again import Resume, Retry
from dbhealth.admin.run_control import Cancel, Pause
from dbhealth.admin.run_state import Standing

ALL = (Pause(), Resume(), Cancel(), Retry())
"""In the order of the buttons."""


def buttons(
    request: HttpRequest, at: Standing, address: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Return what the user can do with a run as it stands now; ``address`` leads to an action."""
    return [
        {"label": action.label, "name": action.name, "why_not": "", "url": address(action.name)}
        for action in ALL
        if may(request, action.permission)
        and not action.obstacle(at)
        and not action.lacks(request, at.run)
    ]
