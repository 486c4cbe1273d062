"""A run that another process executes, watched and steered from its page."""

import os
import signal
import threading

import pytest
from django.urls import reverse

from dbhealth import starting
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.runs import background
from dbhealth.runs.models import MaintenanceRun
from tests.admin.conftest import client_of
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import PATIENCE, add_events, in_archive, in_source, keep_one, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 6_000


@pytest.fixture
def client():
    return client_of("operator")


@pytest.fixture
def run(process_environment, monkeypatch):
    """Have a process archive two rows a batch, which takes it far longer than the test."""
    for name, value in process_environment().items():
        monkeypatch.setenv(name, value)
    add_events(range(1, ROWS + 1))
    keep_one()
    asker = starting.Asker(name="operator")
    queued = starting.archive("default", find("move_event"), asker, Asked(batch_size=2))
    background.start(queued)
    yield queued
    queued.refresh_from_db()
    if queued.state in {"running", "pausing", "cancelling"}:
        os.kill(queued.pid, signal.SIGKILL)
    for thread in threading.enumerate():
        if thread.name == f"dbhealth-run-{queued.pk}":
            thread.join(PATIENCE)


def told(client, run):
    """Return what the page is told; as its script, ask again where the file was locked for long."""
    address, answers = reverse("admin:dbhealth_maintenancerun_progress", args=[run.pk]), []

    def is_told():
        answers.append(client.get(address))
        return answers[-1].headers["Content-Type"] == "application/json"

    wait_until(is_told, "the run's progress is told")
    return answers[-1].json()


def do(client, button, run):
    address = reverse("admin:dbhealth_maintenancerun_do", args=[button])
    assert client.post(address, {"pk": run.pk}).status_code == 302


def until(client, run, **facts):
    """Wait until the run is like that, and see that the page says so."""
    # Asking the page all the time would take the time that the process needs.
    wait_until(MaintenanceRun.objects.filter(pk=run.pk, **facts).exists, f"the run has {facts}")
    return told(client, run)


def grows(client, run):
    """Wait until more rows are done than the page tells of; return what it tells then."""
    before = told(client, run)["rows_done"]
    after = until(client, run, rows_done__gt=before)
    assert after["rows_done"] > before
    return after


def test_a_run_is_seen_growing_paused_resumed_killed_retried_and_cancelled(client, run):
    grows(client, run)
    facts = grows(client, run)
    assert 0 < facts["percent"] < 100
    assert facts["per_second"] > 0
    assert facts["seconds_left"] > 0
    assert "polyline" in facts["live"]

    do(client, "pause", run)
    assert until(client, run, state="paused")["state"] == "paused"
    paused = MaintenanceRun.objects.get(pk=run.pk)
    assert paused.rows_done == len(in_archive()) < ROWS

    do(client, "resume", run)
    assert grows(client, run)["state"] == "running"

    running = MaintenanceRun.objects.get(pk=run.pk)
    assert running.pid not in {paused.pid, os.getpid()}
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: told(client, run)["dead"], "the page says that its process is dead")
    assert "/do/retry/" in told(client, run)["buttons"]

    do(client, "retry", run)
    grows(client, run)
    do(client, "cancel", run)
    facts = until(client, run, state="cancelled")
    assert (facts["state"], facts["ask_again"]) == ("cancelled", 0)

    ended = MaintenanceRun.objects.get(pk=run.pk)
    assert ended.rows_done == EventArchive.objects.filter(archive_run=run.pk).count()
    assert len(in_source()) + len(in_archive()) == ROWS + 1
    assert MaintenanceRun.objects.count() == 1
