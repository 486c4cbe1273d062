"""People with different rights, each with a client that is logged in, and what pages show."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission as Right
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dbhealth.admin.permissions import OPERATE, Permission
from dbhealth.models import FindingRecord

RIGHTS = {
    "staff": (),
    "viewer": (Permission.VIEW,),
    "operator": (Permission.VIEW, *OPERATE),
    "confidant": (Permission.VIEW, Permission.SENSITIVE),
    "controller": (Permission.VIEW, Permission.CONTROL),
}
"""The people who are neither anonymous nor a superuser."""


def person(name):
    """Return a user who is of the staff and has the rights that go with the name."""
    if name == "superuser":
        return User.objects.create_superuser(name, password="x")  # noqa: S106
    user = User.objects.create_user(name, password="x", is_staff=True)  # noqa: S106
    rights = Right.objects.filter(
        content_type__app_label="dbhealth", codename__in=[str(right) for right in RIGHTS[name]]
    )
    user.user_permissions.set(rights)
    return user


def client_of(name):
    """Return a client of somebody; "anonymous" is nobody."""
    client = Client()
    if name != "anonymous":
        client.force_login(person(name))
    return client


@pytest.fixture
def viewer(db):
    return client_of("viewer")


@pytest.fixture
def operator(db):
    return client_of("operator")


@pytest.fixture
def superuser(db):
    return client_of("superuser")


@pytest.fixture
def finding(db):
    return make_finding()


def make_finding(number=1, level="warning", **facts):
    """Return a finding that is on record."""
    now = timezone.now()
    values = {
        "key": f"dbhealth.I003:default:index idle_{number}",
        "check_id": "dbhealth.I003",
        "database": "default",
        "object": f"index idle_{number}",
        "level": level,
        "title": f"The index idle_{number} is not used.",
        "first_seen": now - timedelta(days=3),
        "last_seen": now,
        "facts": {"why": "Writes pay for it.", "instead": "Drop it.", "sql": ["DROP INDEX x"]},
    }
    return FindingRecord.objects.create(**{**values, **facts})
