"""Others write while rows are moved: each row ends in one table, in its newest version."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from tests.moveapp.models import Event, EventArchive
from tests.moveapp.tools import (
    PATIENCE,
    InThread,
    Listener,
    add_events,
    ago,
    archive,
    keep_one,
    query,
    wait_until,
    waiting_sessions,
)
from tests.moveapp.writers import Writer, Written

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = 10**9
SECONDS = float(os.environ.get("DBHEALTH_TEST_STORM_SECONDS", "6"))
PATIENT = {"LOCK_TIMEOUT": 20.0, "STATEMENT_TIMEOUT": 25.0}

update = Event.everything.filter


def change_payload(key):
    update(pk=key).update(payload="newest", version=9)


def take_back(key):
    update(pk=key).update(done=False)


def make_young(key):
    update(pk=key).update(created_at=timezone.now())


def delete(key):
    update(pk=key)._raw_delete("default")


def insert_beside(key):
    """Insert an old row into the batch's range, and touch another one so that the batch waits."""
    Event.everything.create(pk=key + 1, created_at=ago(days=50), payload="came late")
    change_payload(key)


def move_to_another_key(key):
    update(pk=key).update(id=key + 500)


def change_and_go_back(key):
    take_back(key)
    update(pk=key).update(done=True, version=9)


class Interleaving:
    """Lets a run wait at the rows that other transactions have changed and not yet committed.

    The keys are 10, 20, 30 …, and a batch takes five of them. After each batch the run stands
    still until the next transaction has done its work and holds its locks; it ends when the run
    waits for it.
    """

    def __init__(self, *acts):
        self.acts = acts
        self._batch_done, self._go_on = threading.Event(), threading.Event()
        self._tries = threading.Event()
        add_events(range(10, 310, 10))
        keep_one()

    def run(self, *, commit):
        with override_settings(DBHEALTH=PATIENT):
            other = InThread(self._archive)
            try:
                for number, act in enumerate(self.acts, 1):
                    assert self._batch_done.wait(PATIENCE)
                    self._batch_done.clear()
                    self._disturb(act, number * 50 + 30, commit=commit)
            finally:
                self._go_on.set()  # whatever happened here, the other thread shall end
            return other.result()

    def _disturb(self, act, key, *, commit):
        try:
            with transaction.atomic():
                act(key)
                self._tries.clear()
                self._go_on.set()
                self._until_it_waits()
                if not commit:
                    raise InterruptedError
        except InterruptedError:
            pass

    def _until_it_waits(self):
        if connection.vendor == "postgresql":
            wait_until(waiting_sessions, "the run waits for a row")
        else:
            assert self._tries.wait(PATIENCE)

    def _archive(self):
        def next_batch(number):
            if number <= len(self.acts):
                self._batch_done.set()
                assert self._go_on.wait(PATIENCE)
                self._go_on.clear()

        def about_to_write(execute, sql, params, many, context):
            if "WHERE FALSE" in sql:  # how a batch takes SQLite's write lock
                self._tries.set()
            return execute(sql, params, many, context)

        with connection.execute_wrapper(about_to_write):
            return archive(listener=Listener(next_batch), batch_size=5)


ACTS = [
    change_payload,
    take_back,
    make_young,
    delete,
    insert_beside,
    move_to_another_key,
    change_and_go_back,
]

# What becomes of the row whose transaction was committed: where it is, and its newest payload.
STAYS = {take_back: "event {}", make_young: "event {}"}
LEAVES = {change_payload: "newest", change_and_go_back: "event {}", insert_beside: "newest"}


def everywhere():
    """Return payload by key of both tables, after a look that no key is in both."""
    source = dict(Event.everything.exclude(pk=KEPT).values_list("pk", "payload"))
    archived = dict(EventArchive.objects.values_list("pk", "payload"))
    assert not source.keys() & archived.keys()
    return source, archived


@pytest.mark.parametrize("before", [[], [change_payload]], ids=["calm before", "contended before"])
@pytest.mark.parametrize("act", ACTS)
def test_a_change_that_is_committed_while_the_batch_waits_counts(act, before):
    assert Interleaving(*before, act).run(commit=True)["state"] == "succeeded"
    key = 30 + 50 * (len(before) + 1)
    source, archived = everywhere()
    if act is delete:
        assert key not in source | archived
    elif act is move_to_another_key:
        assert key not in source | archived
        assert (source | archived)[key + 500] == f"event {key}"
    elif act in STAYS:
        assert source == {key: STAYS[act].format(key)}
    else:
        assert archived[key] == LEAVES[act].format(key)
    if act is insert_beside:
        assert (source | archived)[key + 1] == "came late"
    untouched = set(range(10, 310, 10)) - {30 + 50 * n for n in (1, 2)}
    assert untouched <= archived.keys()


@pytest.mark.parametrize("act", ACTS)
def test_a_change_that_is_rolled_back_while_the_batch_waits_does_not_count(act):
    result = Interleaving(act).run(commit=False)
    assert (result["state"], result["rows"]) == ("succeeded", 30)
    source, archived = everywhere()
    assert source == {}
    assert archived == {key: f"event {key}" for key in range(10, 310, 10)}


# --- everything at once ---------------------------------------------------------------------


def read(until, stable, wrong):
    """Look again and again that rows which nobody changes are in one table each."""
    looks = 0
    while time.monotonic() < until:
        try:
            ((found,),) = query(
                "SELECT (SELECT count(*) FROM move_event WHERE id <= %s) + "
                "(SELECT count(*) FROM move_event_archive WHERE id <= %s)",
                stable,
                stable,
            )
        except OperationalError:  # SQLite was busy
            continue
        looks += 1
        if found != stable:
            wrong.append(found)
    return looks


def as_written(row):
    return Written(row.payload, row.version, row.done, row.created_at.isoformat())


def compare(journal, stable, ended):
    """Compare both tables with the journal, row by row."""
    source = {row.pk: as_written(row) for row in Event.everything.exclude(pk=KEPT)}
    archived = {row.pk: as_written(row) for row in EventArchive.objects.all()}
    assert not source.keys() & archived.keys()
    expected = {key: row for key, row in journal.items() if not row.deleted}
    assert (source | archived).keys() == expected.keys() | set(range(1, stable + 1))
    cutoff = (ended - timedelta(days=30)).isoformat()
    for key, row in expected.items():
        plain = Written(row.payload, row.version, row.done, row.created_at)
        assert (source | archived)[key] == plain
        assert key in archived or not row.gone
        if key in archived:
            assert row.done
            assert row.created_at < cutoff


def test_writers_readers_and_archiving_at_once_keep_every_row_once(
    journal_mode, process_environment, tmp_path
):
    stable, wrong, moved, told = 3_000, [], [], tmp_path / "journal.json"
    add_events(range(1, stable + 1))
    keep_one()
    seconds = SECONDS / 2 if connection.vendor == "sqlite" else SECONDS
    writers = [Writer(seed, seed * 1_000_000) for seed in (1, 2)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.moveapp.writers", "7", "7000000", str(seconds), told],
        env=process_environment(),
    ) as child:
        until = time.monotonic() + seconds
        threads = [InThread(partial(writer.work, until)) for writer in writers]
        reader = InThread(partial(read, until, stable, wrong))
        while child.poll() is None or any(thread.alive for thread in threads):
            result = archive(batch_size=3 * (len(moved) % 13 + 1), max_rows=100)
            assert result["state"] == "succeeded"
            moved.append(result["rows"])
        for thread in threads:
            thread.result()
    told = json.loads(told.read_text())
    journal = {int(key): Written(**row) for key, row in told["journal"].items()}
    for writer in writers:
        journal |= writer.journal
    assert wrong == []
    assert reader.result() > 3
    assert sum(moved) > 50
    compare(journal, stable, timezone.now())
    archive()
    compare(journal, stable, timezone.now())
