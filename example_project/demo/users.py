"""The users, and the two tables of Django that grow with them: its sessions and its admin log."""

import json
from collections.abc import Iterator

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session

from example_project.accounts.models import User
from example_project.documents.models import Document
from example_project.life.models import Goal, Task

from .timeline import DAY
from .words import NAMES, SURNAMES, mix, titles, token
from .world import Row, Table, World

MARK = "dbhealth-demo"
# An unusable password, as make_password(None) makes it: nobody can log in with a demo user.
PASSWORD = "!" + "demo" * 10
ADMINS = 5
COLUMNS = (
    "id", "password", "last_login", "is_superuser", "username", "first_name", "last_name", "email",
    "is_staff", "is_active", "date_joined", "role", "github_username",
)  # fmt: skip


def tables(world: World) -> Iterator[Table]:
    """Yield the users and what Django keeps about them."""
    yield Table(User, COLUMNS, world.size("users"), _users(world))
    columns: tuple[str, ...] = ("session_key", "session_data", "expire_date")
    yield Table(Session, columns, world.size("django_session"), _sessions(world))
    columns = ("id", "action_time", "user_id", "content_type_id", "object_id", "object_repr")
    columns += ("action_flag", "change_message")
    # Looked up here: while rows are copied into a table, the connection answers no queries.
    kinds = [ContentType.objects.get_for_model(model).pk for model in (User, Goal, Task, Document)]
    yield Table(LogEntry, columns, world.size("django_admin_log"), _log_entries(world, kinds))


def _users(world: World) -> Iterator[Row]:
    """Yield the mark and then the people, in the order in which they joined."""
    rng, timeline = world.rng("users"), world.timeline
    created = timeline.text(0)
    yield (world.mark_id, PASSWORD, None, 0, MARK, "", "", "", 0, 0, created, "user", None)
    for number, (pk, joined) in enumerate(zip(world.people.ids, world.people.joined, strict=True)):
        first, last = rng.choice(NAMES), rng.choice(SURNAMES)
        name = f"{first}.{last}.{pk}".lower()
        admin = number < ADMINS
        active = admin or rng.random() < 0.93
        # One in eight never came back after signing up.
        away = rng.expovariate(1 / (20 if active else 200)) * DAY
        login = max(joined, int(timeline.end - 1 - away)) if rng.random() > 0.125 else None
        yield (
            pk, PASSWORD, login and timeline.text(login), 0, name, first, last,
            f"{name}@example.com", int(admin), int(active), timeline.text(joined),
            "admin" if admin else "user", f"{first}{pk}".lower() if rng.random() < 0.35 else None,
        )  # fmt: skip


def _sessions(world: World) -> Iterator[Row]:
    """Yield login sessions of two weeks; nobody ever called clearsessions, so the old ones stay.

    The data of a session carries no valid signature: to Django they are all empty.
    """
    rng, timeline = world.rng("django_session"), world.timeline
    for moment in timeline.moments(rng, world.size("django_session")):
        data = token(rng, rng.choice((90, 120, 180, 260))) + ":" + token(rng, 50)
        expires = timeline.text(moment + 14 * DAY)
        yield (token(rng, 32), data, expires)


def _log_entries(world: World, kinds: list[int]) -> Iterator[Row]:
    """Yield what the few admins did in the admin."""
    rng, timeline = world.rng("django_admin_log"), world.timeline
    flags = mix({ADDITION: 25, CHANGE: 65, DELETION: 10})
    names = titles(rng, 500)
    fields = ("title", "status", "is_active", "role", "due_date")
    admins = world.people.ids[:ADMINS]
    for pk, moment in enumerate(timeline.moments(rng, world.size("django_admin_log")), start=1):
        flag = rng.choice(flags)
        message = {
            ADDITION: [{"added": {}}],
            CHANGE: [{"changed": {"fields": rng.sample(fields, rng.randint(1, 3))}}],
            DELETION: [],
        }[flag]
        yield (
            pk, timeline.text(moment), rng.choice(admins),
            rng.choice(kinds), str(rng.randint(1, 5_000)), rng.choice(names), flag,
            json.dumps(message) if message else "",
        )  # fmt: skip
