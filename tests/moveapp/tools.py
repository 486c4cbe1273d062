"""What the tests of the move share: rows, runs, and other sessions that stand in the way."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from dbhealth.archive.execute import TableRun
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.archive.results import TableResult
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.progress import Silent
from dbhealth.runs.stopping import StopRequest
from tests.moveapp.models import Event, EventArchive
from tests.servers.waiting import WAITING

PATIENCE = 30.0
"""Seconds after which something that had to happen counts as never happening."""


def ago(**delta: float) -> datetime:
    return timezone.now() - timedelta(**delta)


def add_events(keys: Any, *, days: float = 40, **fields: Any) -> list[int]:
    """Insert events with these keys, by default old enough to leave; return the keys."""
    fields.setdefault("created_at", ago(days=days))
    made = [Event(pk=key, payload=f"event {key}", **fields) for key in keys]
    Event.everything.bulk_create(made, batch_size=1_000)
    return [event.pk for event in made]


def keep_one(key: int = 10**9) -> int:
    """Insert an event that stays, so that the table is not emptied; return its key."""
    return add_events([key], days=0)[0]


def in_source() -> list[int]:
    return sorted(Event.everything.values_list("pk", flat=True))


def in_archive() -> list[int]:
    return sorted(EventArchive.objects.values_list("pk", flat=True))


def change_policy(monkeypatch: Any, model: Any, **changes: Any) -> None:
    """Give an archive model another policy until the end of the test."""
    policy = dataclasses.replace(model._archive.policy, **changes)
    monkeypatch.setattr(model, "_archive", dataclasses.replace(model._archive, policy=policy))


class Listener(Silent):
    """Hears of batches and notes, and calls back after each batch."""

    def __init__(self, after_batch: Callable[[int], None] = lambda number: None) -> None:
        self.batches: list[int] = []
        self.notes: list[str] = []
        self._after_batch = after_batch

    def advance(self, rows: int) -> None:
        self.batches.append(rows)
        self._after_batch(len(self.batches))

    def note(self, text: str) -> None:
        self.notes.append(text)


def archive(
    table: str = "move_event",
    *,
    listener: Listener | None = None,
    stop: StopRequest | None = None,
    **asked: Any,
) -> TableResult:
    """Archive one table with somebody listening, and return its result."""
    around = Circumstances(progress=listener or Listener(), stop=stop or StopRequest())
    return TableRun(find(table), "default", Asked(**asked), around).execute()


def exit_code(*args: str) -> int:
    """Run `manage.py archive` with these arguments and return the code it would exit with."""
    try:
        call_command("archive", *args)
    except CommandError as error:
        return error.returncode
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    return 0


def stopped() -> StopRequest:
    """Return the wish to stop, as a signal leaves it."""
    request = StopRequest()
    request.reason = "SIGTERM"
    return request


def interrupted_run(**asked: Any) -> MaintenanceRun:
    """Begin a run, stop it before its first batch, and return it. Needs an eligible row."""
    result = archive(stop=stopped(), **asked)
    return MaintenanceRun.objects.get(pk=result["run"])


def last_run(target: str = "move_event") -> MaintenanceRun:
    return MaintenanceRun.objects.filter(target=target).latest("pk")


def wait_until(fact: Callable[[], Any], what: str) -> None:
    """Ask again and again until ``fact`` is true; fail with ``what`` when it never is."""
    end = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < end, f"It never happened: {what}"
        time.sleep(0.01)


class InThread:
    """Runs a function in a thread of its own, with its own connections, which are closed."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work, self._value, self._error = work, None, None
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    def _go(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error
        finally:
            connections.close_all()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> Any:
        """Wait for the end; return what the function returned, or raise what it raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "The thread never ended."
        if self._error is not None:
            raise self._error
        return self._value


def waiting_sessions() -> int:
    """Return how many sessions of PostgreSQL wait for a lock that this one holds."""
    sql = f"SELECT count(*) FROM ({WAITING}) AS w"
    return query(f"{sql} WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")[0][0]


def other_sessions() -> int:
    """Return how many other clients this PostgreSQL database has."""
    return query(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND datname = current_database() AND pid <> pg_backend_pid()"
    )[0][0]


def until_nobody_looks_back() -> None:
    """Wait until all transactions have ended that are open now, those of other databases included.

    A writer anywhere on the server keeps every new snapshot, and so VACUUM, from looking past it.
    """
    here = query("SELECT pg_current_xact_id()::text")[0][0]
    passed = "SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s::text::xid8"
    wait_until(lambda: query(passed, here)[0][0], "all older transactions have ended")


def query(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def second_session() -> Iterator[Any]:
    """Yield a second connection of this thread; what it left open is rolled back."""
    other = connection.copy()
    try:
        yield other
    finally:
        if other.connection is not None and not other.get_autocommit():
            other.rollback()
        other.close()


@contextlib.contextmanager
def schema(*, setup: list[str], undo: list[str]) -> Iterator[None]:
    """Run DDL statements, and their opposites at the end whatever happened."""
    try:
        for sql in setup:
            query(sql)
        yield
    finally:
        for sql in undo:
            query(sql)
