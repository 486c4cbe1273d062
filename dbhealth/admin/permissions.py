"""What people may see and do: rights of Django's own, all of them on one model."""

from __future__ import annotations

from enum import StrEnum

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


class Permission(StrEnum):
    """The rights, by their codenames on DatabaseHealth."""

    VIEW = "view_databasehealth"
    SENSITIVE = "view_sensitive"
    REFRESH = "refresh_figures"
    ACKNOWLEDGE = "acknowledge_findings"
    CONTROL = "control_runs"
    ARCHIVE = "archive_rows"
    RESTORE = "restore_rows"
    PURGE = "purge_rows"
    BUILD = "build_indexes"
    VACUUM = "vacuum_tables"
    ANALYZE = "analyze_tables"
    REINDEX = "reindex_tables"


OPERATE = frozenset(Permission) - {Permission.VIEW, Permission.SENSITIVE}
"""The rights to change something."""


def may(request: HttpRequest, permission: Permission) -> bool:
    """Return whether the user of a request has a right; without that to view, no other counts."""
    user = request.user
    if not (user.is_active and user.has_perm(f"dbhealth.{Permission.VIEW}")):
        return False
    return user.has_perm(f"dbhealth.{permission}")


def ensure(request: HttpRequest, permission: Permission) -> None:
    """Raise PermissionDenied unless the user of a request has a right."""
    if not may(request, permission):
        raise PermissionDenied
