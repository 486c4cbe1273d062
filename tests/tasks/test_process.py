"""The executor that every project has: a detached process for each run."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from dbhealth import starting
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.exceptions import ConfigurationError
from dbhealth.runs.background import start
from dbhealth.runs.control import facts, get_run
from dbhealth.runs.lease import is_gone, this_host
from dbhealth.runs.models import MaintenanceRun
from dbhealth.starting import Asker
from dbhealth.tasks import process
from dbhealth.tasks.execution import execute
from tests.moveapp.models import Event
from tests.moveapp.tools import (
    PATIENCE,
    add_events,
    in_archive,
    in_source,
    keep_one,
    last_run,
    wait_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("children")]

ADA = Asker(name="ada")


@pytest.fixture
def events():
    add_events(range(1, 11))
    keep_one()


def queued(**asked):
    return starting.archive("default", find("move_event"), ADA, Asked(**asked))


def watcher(run):
    """Return the thread that waits for the process of a run."""
    (found,) = [t for t in threading.enumerate() if t.name == f"dbhealth-run-{run.pk}"]
    return found


def until_its_end(run):
    watcher(run).join(PATIENCE)
    return get_run("default", run.pk)


def test_a_run_is_executed_in_a_process_of_its_own_once_its_transaction_is_committed(events):
    with transaction.atomic():
        run = queued()
        how = start(run)
        assert not [t for t in threading.enumerate() if t.name.startswith("dbhealth-run-")]
    assert how.name == "process"
    assert how.sentence == f"Run {run.pk} is executed in a process of its own."
    after = until_its_end(run)
    assert (after.state, after.rows_done, after.started_by) == ("succeeded", 10, "ada")
    assert (after.host, after.trigger) == (this_host(), "admin")
    assert after.pid not in (None, os.getpid())
    assert in_source() == [10**9]
    with pytest.raises(ProcessLookupError):  # no zombie either: that one would still have its id
        os.kill(after.pid, 0)


def test_a_process_that_dies_before_it_begins_ends_the_run_with_its_last_words(events, monkeypatch):
    monkeypatch.setattr(process, "environment", lambda: os.environ | {"PYTHONPATH": "/nowhere"})
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "nowhere.settings")
    run = queued()
    start(run)
    after = until_its_end(run)
    assert after.state == "failed"
    assert "ended with exit code 1 before it had begun" in after.error
    assert "No module named 'nowhere'" in after.error
    assert starting.retry("default", run.pk, ADA).pk != run.pk


def test_a_process_that_dies_before_it_carries_on_leaves_the_run_as_it_stood(events, monkeypatch):
    run = queued(max_rows=4, batch_size=2)
    MaintenanceRun.objects.update(state="interrupted", started_at=run.created_at, rows_done=2)
    again = starting.carry_on("default", run.pk, ADA)
    monkeypatch.setattr(process, "interpreter", lambda: "/bin/false")
    start(again)
    after = until_its_end(again)
    assert (after.state, after.rows_done) == ("interrupted", 2)
    assert "before it had begun" in after.error


def test_a_run_of_a_database_that_a_new_process_does_not_find_is_not_mixed_up_with_another(
    events, monkeypatch, tmp_path
):
    # As in the tests of a project: its settings name the database that people work with.
    names = json.loads(os.environ["DBHEALTH_TEST_NAMES"])
    monkeypatch.setenv("DBHEALTH_TEST_NAMES", json.dumps(names | {"default": "nobodys"}))
    run = queued()
    start(run)
    after = until_its_end(run)
    assert after.state == "failed"
    assert f"The run is in the database {names['default']!r}" in after.error
    assert "'nobodys'" in after.error
    assert in_archive() == []


def test_what_cannot_even_be_started_ends_the_run(events, monkeypatch):
    monkeypatch.setattr(process, "interpreter", lambda: "/nowhere/python")
    run = queued()
    start(run)
    after = get_run("default", run.pk)
    assert after.state == "failed"
    assert after.error.startswith("It could not be started.")
    assert "/nowhere/python" in after.error


PARENT = """
import django
django.setup()
from dbhealth import starting
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.runs.background import start
asked = Asked(batch_size=2)
start(starting.archive("default", find("move_event"), starting.Asker(name="ada"), asked))
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_process_outlives_its_parent_shows_as_dead_when_it_is_killed_and_is_retried(events):
    add_events(range(11, 4_001))
    ended = subprocess.run([sys.executable, "-c", PARENT], timeout=PATIENCE, check=False)
    assert ended.returncode == -signal.SIGKILL
    done = last_run().rows_done
    wait_until(lambda: last_run().rows_done >= done + 4, "the child of a dead parent works")
    run = last_run()
    os.kill(run.pid, signal.SIGKILL)
    wait_until(lambda: facts(last_run())["dead"], "the dead process is seen at once")
    told = facts(last_run())
    assert (told["state"], told["standing"]["kind"]) == ("running", "dead")
    assert f"process {run.pid} on {run.host} is gone" in told["standing"]["sentence"]
    assert f"maintenance_runs resume {run.pk}" in told["standing"]["sentence"]

    again = starting.retry("default", run.pk, Asker(name="grace"))
    assert (again.pk, again.state, again.started_by) == (run.pk, "queued", "grace")
    MaintenanceRun.objects.update(options=again.options | {"batch_size": 1_000})
    assert execute("default", run.pk) == ("succeeded", None)
    after = last_run()
    assert (after.pk, after.rows_done, after.started_by) == (run.pk, 4_000, "grace")
    assert (after.cutoff, after.started_at) == (run.cutoff, run.started_at)
    assert in_source() == [10**9]


def test_a_process_that_has_ended_and_that_nobody_waits_for_is_gone():
    ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    try:
        ended.stdout.read()  # ends with the process
        run = MaintenanceRun(host=this_host(), pid=ended.pid, state="running")
        wait_until(lambda: is_gone(run), "it is a zombie")
        os.kill(ended.pid, 0)
    finally:
        ended.stdout.close()
        ended.wait()


def test_a_server_with_python_built_in_starts_the_python_of_its_environment(monkeypatch):
    own = process.interpreter()
    assert own == sys.executable
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    found = process.interpreter()
    version = subprocess.run(
        [found, "-c", "import sys, django; print(sys.prefix)"], capture_output=True, text=True
    )
    assert version.stdout.strip() == sys.prefix
    monkeypatch.setattr(process.sysconfig, "get_path", lambda name: "/nowhere")
    with pytest.raises(ConfigurationError, match="No Python was found"):
        process.interpreter()


def test_settings_that_no_other_process_can_read_are_named(monkeypatch):
    monkeypatch.setattr(process, "settings", object())
    with pytest.raises(ConfigurationError, match=r"settings\.configure\(\)"):
        process.environment()


def test_the_process_finds_the_code_and_the_settings_of_this_one():
    told = process.environment()
    assert told["DJANGO_SETTINGS_MODULE"] == settings.SETTINGS_MODULE
    places = told["PYTHONPATH"].split(os.pathsep)
    assert all(Path(place).is_absolute() for place in places)
    assert len(places) == len(sys.path)
    assert Event._meta.db_table == "move_event"
