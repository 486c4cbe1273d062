"""SIGKILL and SIGTERM during a purge: what is on record is what is gone, under one cutoff."""

import signal
from datetime import timedelta

import pytest
from django.db import connection

from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.purging import TABLE, add_archived, keep_some, last_purge, old_ones
from tests.moveapp.tools import other_sessions, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ARGS = ("purge_archive", "--table", "move_event", "--older-than-days", 3650, "--allow-share")

IN_THE_THIRD_BATCH = {"match": '"archive_run_id", count(*)', "nth": 3, "when": "before"}
"""Each batch counts its rows by the run that archived them, once."""


def settled():
    if connection.vendor == "postgresql":
        # The server may still be at the last statement of a client that is dead.
        wait_until(lambda: not other_sessions(), "the sessions of the dead end")


def check(written):
    """Every row is there or on record as purged, and each run counts what it deleted."""
    settled()
    purged = 0
    for run in MaintenanceRun.objects.filter(operation="purge"):
        assert sum(run.result.get("purged", {}).values()) == run.rows_done
        purged += run.rows_done
    assert len(old_ones()) + purged == written


def test_a_kill_at_statements_of_all_kinds_leaves_the_record_true(lives):
    keep_some()
    written, nth, killed = 0, 1, 0
    while True:
        add_archived(range(written + 1, written + 8), run=written + 1)
        written += 7
        blow = {"number": int(signal.SIGKILL), "nth": nth}
        ended = lives.manage(*ARGS, "--batch-size", 3, blow=blow).wait()
        check(written)
        if ended.get("signal") != signal.SIGKILL:
            assert ended["code"] == 0, ended["output"] + ended["errors"]
            break
        killed, nth = killed + 1, nth + 5
    assert killed > 5
    assert lives.manage(*ARGS).wait()["code"] == 0
    assert old_ones() == []
    check(written)


def test_after_a_kill_the_cutoff_is_the_old_one(lives):
    keep_some()
    add_archived(range(1, 21), run=11)
    blow = {"number": int(signal.SIGKILL), **IN_THE_THIRD_BATCH}
    assert lives.manage(*ARGS, "--batch-size", 5, blow=blow).wait()["signal"] == signal.SIGKILL
    settled()
    run = last_purge()
    assert (run.state, run.rows_done) == ("running", 10)
    cutoff = run.cutoff
    # Old enough for a new run, and not for this one.
    add_archived([50], archived_at=cutoff + timedelta(microseconds=1))
    ended = lives.manage(*ARGS).wait()
    assert ended["code"] == 0, ended["output"] + ended["errors"]
    again = last_purge()
    assert (again.pk, again.state, again.cutoff) == (run.pk, "succeeded", cutoff)
    assert (again.rows_done, again.result["purged"]) == (20, {"11": 20})
    assert old_ones() == [50]
    assert "resumed" in ended["output"]


def test_sigterm_ends_the_purge_after_the_batch_at_work(lives):
    keep_some()
    add_archived(range(1, 21), run=11)
    blow = {"number": int(signal.SIGTERM), **IN_THE_THIRD_BATCH}
    ended = lives.manage(*ARGS, "--batch-size", 5, blow=blow).wait()
    assert ended["code"] == 1
    assert "stopped by SIGTERM; the next run goes on." in " ".join(ended["output"].split())
    run = MaintenanceRun.objects.get(target=TABLE)
    assert (run.state, run.rows_done) == ("interrupted", 15)
    assert len(old_ones()) == 5
    assert lives.manage(*ARGS).wait()["code"] == 0
    assert old_ones() == []
