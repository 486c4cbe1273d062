"""Runs that a worker of Django's tasks framework executes, and which executor is chosen."""

import json
import signal
import subprocess
import sys
from importlib import import_module

import pytest
from django.test import override_settings

from dbhealth import starting
from dbhealth.archive.registry import find
from dbhealth.checks import check_settings
from dbhealth.exceptions import ConfigurationError
from dbhealth.runs.background import problem, start
from dbhealth.runs.control import cancel, get_run
from dbhealth.tasks import framework
from dbhealth.tasks.choosing import choose
from tests.moveapp.tools import PATIENCE, add_events, keep_one, query, wait_until
from tests.runs.making import dead, make

pytestmark = pytest.mark.django_db(transaction=True)

ADA = starting.Asker(name="ada")
PACKAGE = framework.package()
REAL = {"BACKEND": "django_tasks_db.DatabaseBackend"}
IMMEDIATE = {"BACKEND": f"{PACKAGE}.backends.immediate.ImmediateBackend"}
DUMMY = {"BACKEND": f"{PACKAGE}.backends.dummy.DummyBackend"}


def settings(wanted="auto", **backend):
    backend = backend or IMMEDIATE
    return override_settings(TASKS={"default": backend}, DBHEALTH={"BACKGROUND": wanted})


@pytest.fixture
def project(children, monkeypatch):
    """Let processes have the settings with TASKS; their table is gone after the test."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.tasks.settings")
    yield
    query("DROP TABLE IF EXISTS django_tasks_database_dbtaskresult")


def test_a_worker_executes_runs_and_leaves_one_that_can_be_carried_on_with_when_it_is_told_to_stop(
    project,
):
    add_events(range(1, 4_001))
    keep_one()
    told = subprocess.run(
        [sys.executable, "-m", "tests.tasks.ordering"], capture_output=True, timeout=PATIENCE
    )
    assert told.returncode == 0, told.stderr
    ordered = json.loads(told.stdout)
    assert ordered["names"] == ["tasks", "tasks"]
    assert ordered["sentence"].endswith("is executed by the worker of Django's TASKS.")
    assert ordered["tasks"] == [0, 2]  # none of them before the commit
    assert ordered["queues"] == ["dbhealth"]
    upkeep, moving = ordered["runs"]
    words = ["db_worker", "--queue-name", "dbhealth", "--interval", "0.1", "--no-startup-delay"]
    worker = subprocess.Popen([sys.executable, "-m", "django", *words], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: get_run("default", moving).rows_done >= 2, "the worker archives")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    finally:
        worker.kill()
        worker.wait()
    done = get_run("default", upkeep)
    assert (done.state, done.started_by, done.pid) == ("succeeded", "ada", worker.pid)
    stopped = get_run("default", moving)
    assert (stopped.state, stopped.started_by, stopped.pid) == ("interrupted", "ada", worker.pid)
    assert 0 < stopped.rows_done < 4_000
    outcomes = query("SELECT status FROM django_tasks_database_dbtaskresult")
    assert outcomes == [("SUCCESSFUL",), ("SUCCESSFUL",)]  # the run log has the rest


def work():
    """Return the module of the task, decorated by the backend that is in force."""
    sys.modules.pop("dbhealth.tasks.work", None)
    return import_module("dbhealth.tasks.work")


def test_a_task_that_comes_again_does_only_what_is_left_to_do():
    add_events(range(1, 11))
    keep_one()
    with settings():
        execute = work().execute_run.call
        run = starting.archive("default", find("move_event"), ADA)
        assert execute("default", run.pk) == "succeeded"
        assert execute("default", run.pk) == "succeeded"
        assert get_run("default", run.pk).generation == 1
        cancelled = starting.archive("default", find("move_event"), ADA)
        cancel("default", cancelled.pk)
        assert execute("default", cancelled.pk) == "cancelled"
        paused = make("paused", target="move_visit")
        assert execute("default", paused.pk) == "paused"


def test_a_task_whose_first_worker_died_carries_on_and_a_refusal_is_no_error_of_the_task():
    keep_one()
    with settings():
        execute = work().execute_run.call
        terms = starting.archive("default", find("move_event"), ADA)
        cancel("default", terms.pk)
        left = dead("running")
        left.options = terms.options
        left.save()
        assert execute("default", left.pk) == "succeeded"
        undeclared = make("queued", options={"terms": {"archive": "move_event_attic"}})
        assert execute("default", undeclared.pk) == "failed"


@pytest.mark.parametrize("backend", [IMMEDIATE, DUMMY], ids=["immediate", "dummy"])
def test_a_backend_that_executes_in_the_request_is_not_taken_for_a_worker(backend):
    with settings(**backend):
        assert choose().name == "process"
        assert problem() == ""
    with settings("tasks", **backend):
        with pytest.raises(ConfigurationError, match="executes nothing in the background"):
            choose()
        (found,) = check_settings()
        assert found.id == "dbhealth.E002"
        assert "Immediate" in found.msg or "Dummy" in found.msg
        assert "'process'" in found.hint


def test_the_worker_is_chosen_where_there_is_one_and_a_process_where_it_is_wanted():
    with settings(**REAL):
        assert choose().name == "tasks"
        assert framework.queue() == "default"
    with settings("tasks", **REAL):
        assert choose().name == "tasks"
    with settings("process", **REAL):
        assert choose().name == "process"
    with settings(**REAL, QUEUES=["mails", "jobs"]):
        assert framework.queue() == "jobs"


def test_a_backend_that_cannot_be_made_is_told_by_the_check_and_ends_the_run():
    with settings(BACKEND="nowhere.Backend"):
        assert "nowhere" in problem()
        run = starting.vacuum("default", ADA, ["move_event"])
        with pytest.raises(ConfigurationError):
            start(run)
    assert "nowhere" in get_run("default", run.pk).error


def test_without_the_framework_a_process_executes(monkeypatch):
    monkeypatch.setattr(framework, "find_spec", lambda name: None)
    with settings():
        assert choose().name == "process"
    with settings("tasks"):
        assert "pip install django-tasks" in problem()
