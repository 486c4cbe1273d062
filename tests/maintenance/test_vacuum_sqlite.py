"""vacuum of a SQLite file: damage, dangling keys, free disk, free pages, the WAL."""

import shutil
import threading
from collections import namedtuple
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dbhealth.health.report import run_checks
from dbhealth.indexes.build import init_indexes
from tests.indexes.building import old_transaction
from tests.maintenance.vacuuming import deeds, last_run, run_vacuum
from tests.moveapp.tools import InThread, query, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]

Usage = namedtuple("Usage", "total used free")


def states(result):
    return {deed: state for deed, _, state in deeds(result)}


def test_a_damaged_file_is_not_written_anew(tables):
    """An index that no longer says what it holds: real damage, which integrity_check finds."""
    (version,) = query("PRAGMA schema_version")[0]
    query("PRAGMA writable_schema = ON")
    query(
        "UPDATE sqlite_master SET sql = 'CREATE INDEX dirty_text ON dirty (id)' "
        "WHERE name = 'dirty_text'"
    )
    query(f"PRAGMA schema_version = {version + 1}")
    query("PRAGMA writable_schema = OFF")
    result = run_vacuum()
    assert (result["state"], result["stopped"]) == ("failed", "the database is damaged")
    assert "The file is damaged: " in result["error"]
    assert states(result)["vacuum"] == "not begun"


def test_rows_that_point_nowhere_are_told_and_the_rest_is_done(tables):
    query("CREATE TABLE pointing (id integer REFERENCES dirty (id))")
    try:
        query("PRAGMA foreign_keys = OFF")
        query("INSERT INTO pointing VALUES (999999), (999998)")
        query("PRAGMA foreign_keys = ON")
        result = run_vacuum()
    finally:
        query("DELETE FROM pointing")
        query("DROP TABLE pointing")
    assert "2 of pointing point at dirty" in result["error"]
    assert (result["state"], states(result)["vacuum"]) == ("failed", "done")


def test_without_enough_free_disk_the_file_is_not_written_anew_and_the_rest_is_done(
    tables, monkeypatch
):
    room = run_vacuum(dry_run=True)["plan"]["room"]
    assert sum(place["needed"] for place in room) > 0
    assert all(place["free"] > 0 for place in room)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 99, 1))
    result = run_vacuum()
    assert [refusal["code"] for refusal in result["refusals"]] == ["no-room"]
    assert "vacuum" not in states(result)
    assert (result["state"], states(result)["analyze"]) == ("failed", "done")
    done = init_indexes("default", tables=["indexapp_book"], vacuum=True)["databases"]["default"]
    assert "no-room" in {refusal["code"] for refusal in done["refusals"]}


def test_a_file_that_is_made_for_it_gives_all_its_free_pages_back_and_is_not_rewritten(tables):
    query("PRAGMA auto_vacuum = 2")
    query("VACUUM")
    try:
        query("DELETE FROM dirty")
        (free,) = query("PRAGMA freelist_count")[0]
        result = run_vacuum()
        assert free > 10
        assert query("PRAGMA freelist_count") == [(0,)]
        assert "vacuum" not in states(result)
        step = next(s for s in result["steps"] if s["deed"] == "give back free pages")
        assert step["bytes_after"] < step["bytes_before"]
        assert states(run_vacuum(full=True))["vacuum"] == "done"
    finally:
        query("PRAGMA auto_vacuum = 0")
        query("VACUUM")


def test_the_wal_is_emptied_and_who_keeps_it_is_waited_for_and_told(tables, settings):
    settings.DBHEALTH = {"LOCK_TIMEOUT": 0.1, "INDEX_RETRIES": 0}
    query("PRAGMA journal_mode = WAL")
    try:
        assert states(run_vacuum(analyze_only=True))["checkpoint"] == "done"
        with old_transaction():  # a writer that keeps the WAL
            pass
        with old_transaction() as other:
            other.rollback()
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT count(*) FROM clean")
            query("INSERT INTO clean VALUES (-1, 'new')")
            result = run_vacuum(analyze_only=True)
        assert states(result)["checkpoint"] == "failed"
        assert "Another connection reads from the WAL" in result["error"]
    finally:
        query("PRAGMA journal_mode = DELETE")


def test_a_vacuum_that_outlasts_its_lease_is_neither_dead_nor_taken_over(tables, settings):
    """The statement is held from within, by what SQLite calls while it works."""
    at_work, go_on = threading.Event(), threading.Event()

    def wait():
        at_work.set()
        return 0 if go_on.wait(20) else 1

    def holding(execute, sql, params, many, context):
        raw = context["connection"].connection
        raw.set_progress_handler(wait if sql.startswith("VACUUM") else None, 100)
        return execute(sql, params, many, context)

    def vacuum():
        with connection.execute_wrapper(holding):
            return run_vacuum()

    query("PRAGMA journal_mode = WAL")  # else nobody could read the run meanwhile
    work = InThread(vacuum)
    try:
        assert at_work.wait(20)
        settings.DBHEALTH = {"LOCK_TIMEOUT": 0.1, "STATEMENT_TIMEOUT": 0.2, "LEASE_SECONDS": 1.0}
        lease = timedelta(seconds=1)
        wait_until(lambda: last_run().heartbeat_at + lease < timezone.now(), "the lease is over")
        assert run_checks("default", ids=["dbhealth.A004"]).findings == ()
        assert [refusal["code"] for refusal in run_vacuum()["refusals"]] == ["run-active"]
        go_on.set()
        assert states(work.result())["vacuum"] == "done"
        assert (last_run().state, last_run().unwatched) == ("succeeded", False)
    finally:
        go_on.set()
        wait_until(lambda: not work.alive, "VACUUM is over")
        query("PRAGMA journal_mode = DELETE")


def test_single_tables_are_analyzed_and_the_whole_file_is_vacuumed_with_a_note(tables):
    result = run_vacuum(tables=["dirty"])
    assert ("analyze", "dirty", "done") in deeds(result)
    assert ("analyze", "clean", "done") not in deeds(result)
    assert any("vacuums the whole file" in note for note in result["notes"])
