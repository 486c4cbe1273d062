"""Whether a run counts as dead whose statement lets nobody give a sign of life."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from dbhealth.runs.lease import is_dead, this_host
from tests.runs.making import make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux tells of processes."),
]

LATER = timedelta(hours=1)


@pytest.fixture
def process():
    """Have a process that lives until a test ends it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def unwatched(pid, **facts):
    return make("running", **{"host": this_host(), "pid": pid, "unwatched": True} | facts)


def test_an_announced_statement_lives_as_long_as_its_process(process):
    run, now = unwatched(process.pid), timezone.now()
    assert not is_dead(run, now + LATER)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not buried
    assert is_dead(run, now + LATER)
    process.wait()
    assert is_dead(run, now)


def test_what_was_not_announced_is_dead_when_its_lease_is_over(process):
    run = unwatched(process.pid, unwatched=False)
    assert not is_dead(run, timezone.now())
    assert is_dead(run, timezone.now() + LATER)


def test_a_process_of_the_same_number_that_began_later_is_another_one(process):
    run = unwatched(process.pid, heartbeat_at=timezone.now() - LATER)
    assert is_dead(run, timezone.now())


def test_of_a_process_on_another_host_nobody_knows(process):
    run = unwatched(process.pid, host="elsewhere")
    assert not is_dead(run, timezone.now())
    assert is_dead(run, timezone.now() + LATER)
