"""What belongs together leaves together: sessions, conversations and goals of the example."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.example.conftest import Project

FAMILIES = {
    "sessions": {"messages"},
    "conversations": {"conversation_messages"},
    "goals": {"tasks", "media_attachments"},
}
KEYS = """
from django.apps import apps
answer = {
    model._meta.db_table: sorted(map(str, model._base_manager.values_list("pk", flat=True)))
    for label in ("chat", "life") for model in apps.get_app_config(label).get_models()
}
"""
# How the admin answers a request for the list of each archive and for one archived row.
ADMIN = """
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from dbhealth.admin import ArchiveAdmin
from django.contrib import admin
settings.ALLOWED_HOSTS = ["testserver"]
client = Client()
client.force_login(get_user_model().objects.create_superuser("reader"))
answer = {}
for model, shown in admin.site._registry.items():
    if isinstance(shown, ArchiveAdmin):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        one = reverse(f"{name}_change", args=[model.objects.order_by("pk").first().pk])
        answer[model._meta.db_table] = [
            client.get(reverse(f"{name}_changelist")).status_code,
            client.get(one).status_code,
            client.post(one, {}).status_code,
        ]
"""


@pytest.fixture(scope="module")
def project(new_project: Callable[[], Project]) -> Project:
    """A project with the demo's rows."""
    project = new_project()
    done = project.manage("demo", "--rows", "3000", "--load-only")
    assert done.returncode == 0, done.stderr
    return project


def archive(project: Project, *options: str) -> dict[str, Any]:
    done = project.manage("archive", "--format", "json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["tables"]


def below(branch: dict[str, Any]) -> Iterator[str]:
    for child in branch["children"]:
        yield child["table"]
        yield from below(child)


def test_each_family_leaves_is_held_back_and_stays(new_project: Callable[[], Project]) -> None:
    project = new_project()
    assert project.manage("demo", "--rows", "3000", "--load-only").returncode == 0
    tables = archive(project, "--dry-run")
    for name, children in FAMILIES.items():
        plan = tables[name]["plan"]
        assert set(below(plan["family"])) == children
        leave, held = plan["rows_eligible"], plan["rows_held_back"]
        assert leave > 0, name
        assert held > 0, name
        assert plan["rows"] > leave + held, name


def test_families_leave_whole_and_once(project: Project) -> None:
    before, plans = project.ask(KEYS), archive(project, "--dry-run")
    moved = archive(project)
    after = project.ask(KEYS)
    for name, children in FAMILIES.items():
        assert moved[name]["rows"] == plans[name]["plan"]["rows_to_move"]
        assert (
            sum(len(after[f"{table}_archive"]) for table in {name, *children})
            == (moved[name]["rows"])
        )
        for table in {name, *children}:
            assert sorted(after[table] + after[f"{table}_archive"]) == before[table]
    again = archive(project)
    assert {name: again[name]["rows"] for name in FAMILIES} == dict.fromkeys(FAMILIES, 0)


def test_archived_rows_can_be_read_in_the_admin_and_not_changed(project: Project) -> None:
    archive(project)  # where the test before this one has not run in the same process
    pages = project.ask(ADMIN)
    archives = {f"{table}_archive" for name in FAMILIES for table in {name, *FAMILIES[name]}}
    assert set(pages) == archives | {"feedback_logs_archive", "story_sessions_archive"}
    assert pages == {table: [200, 200, 403] for table in pages}
