"""Is an archive declared right? Asked again at run time, because not everybody runs the checks:
call_command and the Python functions do not."""

from __future__ import annotations

from datetime import timedelta

from django.core.checks import Error

from dbhealth.archive import refusals
from dbhealth.archive.family import members_of
from dbhealth.archive.problems import problems_of
from dbhealth.archive.registry import Archive
from dbhealth.exceptions import Refused

# What has a refusal of its own, by the values of the call and not of the declaration.
_SAID_ELSEWHERE = {"dbhealth.E105", "dbhealth.E110"}


def ensure_declared_right(archive: Archive) -> None:
    """Raise Refused when the system checks find errors in the archive model or its policy."""
    errors = [
        problem
        for member in members_of(archive)
        for problem in problems_of(member)
        if isinstance(problem, Error)
    ]
    policy = archive.own_policy
    if policy is not None and isinstance(policy.retention, timedelta):
        errors = [error for error in errors if error.id not in _SAID_ELSEWHERE]
    if errors:
        told = [f"{error.msg} ({error.id})" for error in errors]
        raise Refused([refusals.policy_wrong(archive.label, told)])
