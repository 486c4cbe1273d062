"""Runs in every state, and runs that are paused: what the tests of control share."""

from django.utils import timezone

from dbhealth.backends import get_backend
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.claim import Order
from dbhealth.runs.control import pause
from dbhealth.runs.lease import this_host
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.runs.runner import Hold
from tests.moveapp.tools import (
    Listener,
    archive,
    last_run,
)

NOBODY = 2**22 + 1
"""The highest process id that Linux gives out is below this one."""


def make(state, **facts):
    """Insert a run of the events, at work in a process of another host."""
    base = {
        "operation": "archive",
        "database": "default",
        "target": "move_event",
        "trigger": "command",
        "created_at": timezone.now(),
        "host": "elsewhere",
        "pid": NOBODY,
        "heartbeat_at": timezone.now(),
        "generation": 1,
    }
    runs = MaintenanceRun.objects.using(facts.pop("using", "default"))
    return runs.create(state=state, **base | facts)


def dead(state):
    """Insert a run that says it is at work, of a process that is gone from this host."""
    return make(state, host=this_host())


def do_after(batches, deed, **asked):
    """Archive in batches of three; after so many do something to the run. Return the result."""

    def listen(number):
        if number == batches:
            deed(last_run().pk)

    return archive(listener=Listener(listen), batch_size=3, **asked)


def pause_after(batches, **asked):
    do_after(batches, lambda pk: pause("default", pk), **asked)
    run = last_run()
    assert run.state == "paused"
    return run


def go_on(pk):
    (result,) = resume_run("default", pk, Circumstances())["tables"].values()
    return result


def order_of(run, **facts):
    return Order(
        operation=Operation.ARCHIVE,
        backend=get_backend("default"),
        target="move_event",
        terms=run.options.get("terms", {}) if run else {},
        **facts,
    )


def hold_of(run):
    return Hold(get_backend("default"), run)
