"""`manage.py demo` from an empty database, again, and where it must not go."""

from collections.abc import Callable

from tests.example.conftest import ROWS, Project

JOB = """
from django.conf import settings
from django_crontab.crontab import Crontab
answer = Crontab()._Crontab__hash_job(settings.CRONJOBS[0])
"""
TENANT = """
from django.core.management import call_command
from example_project.documents.models import Tenant
call_command("migrate", verbosity=0)
answer = Tenant.objects.create(name="Real", slug="real").pk
"""
COUNTS = """
from example_project.life import models
answer = {m._meta.db_table: m.objects.count() for m in vars(models).values() if hasattr(m, "_meta")}
"""


def test_demo_archives_and_loses_nothing(demo: Project) -> None:
    counts = demo.ask(COUNTS)
    for table in ("feedback_logs", "story_sessions"):
        assert 0 < counts[f"{table}_archive"] < ROWS
        assert counts[table] + counts[f"{table}_archive"] == ROWS


def test_second_demo_loads_nothing_and_finds_nothing_to_archive(demo: Project) -> None:
    before = demo.ask(COUNTS)
    done = demo.manage("demo", "--rows", "500")
    assert done.returncode == 0, done.stderr
    assert "is here already" in done.stdout
    assert demo.ask(COUNTS) == before


def test_demo_refuses_a_database_with_rows_of_others(new_project: Callable[[], Project]) -> None:
    project = new_project()
    project.ask(TENANT)
    done = project.manage("demo", "--rows", "500")
    assert done.returncode == 1
    assert "rows that the demo did not make (in tenants)" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.ask(COUNTS)["feedback_logs"] == 0


def test_demo_refuses_a_senseless_number_of_rows(new_project: Callable[[], Project]) -> None:
    done = new_project().manage("demo", "--rows", "lots")
    assert done.returncode == 2
    assert "'lots' is not a whole number" in done.stderr


def test_monthly_job_archives(new_project: Callable[[], Project]) -> None:
    project = new_project()
    assert project.manage("demo", "--rows", "500", "--load-only").returncode == 0
    assert project.ask(COUNTS)["feedback_logs_archive"] == 0
    done = project.manage("crontab", "run", project.ask(JOB))
    assert done.returncode == 0
    assert "Failed" not in done.stderr
    assert project.ask(COUNTS)["feedback_logs_archive"] > 0
