"""init_indexes beside the work of others: waits, constraints, leftovers, a killed process."""

import signal
from datetime import datetime

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.test import override_settings

from dbhealth.backends import get_backend
from dbhealth.indexes.build import index_status
from dbhealth.runs.control import cancel
from dbhealth.runs.models import MaintenanceRun
from tests.indexapp.models import Policy
from tests.indexes.building import (
    TABLE,
    Listener,
    add_books,
    builds,
    deeds,
    drop,
    init,
    last_run,
    names,
    old_transaction,
)
from tests.moveapp.tools import InThread, query, schema, stopped, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

IMPATIENT = {"INDEX_LOCK_TIMEOUT": 0.4, "INDEX_RETRIES": 1, "LOCK_TIMEOUT": 0.2}
ATTENTIVE = {"LEASE_SECONDS": 1.2, "LOCK_TIMEOUT": 0.5, "STATEMENT_TIMEOUT": 0.6}

HAS_A_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SELECT 1 FROM indexapp_tag",
)
USES_THE_TABLE = "LOCK TABLE indexapp_book IN ROW EXCLUSIVE MODE"


def is_waited_for():
    return any(build.waits_for for build in builds())


def status_of(name, table=TABLE):
    found = index_status("default", tables=[table])["databases"]["default"]["indexes"]
    return {entry["name"]: entry["status"] for entry in found}.get(name)


def constraints():
    sql = "SELECT conname FROM pg_constraint WHERE conrelid = 'indexapp_book'::regclass"
    return {row[0] for row in query(sql)}


def test_a_unique_constraint_is_made_while_others_use_the_table(whole):
    query("ALTER TABLE indexapp_book DROP CONSTRAINT book_title_year")
    add_books(3)
    result = init()
    assert deeds(result) == [("create", "book_title_year", "done"), ("analyze", "", "done")]
    assert "book_title_year" in constraints()


def test_an_index_that_was_to_become_a_constraint_becomes_one_later(whole):
    query("ALTER TABLE indexapp_book DROP CONSTRAINT book_title_year")
    query("CREATE UNIQUE INDEX book_title_year ON indexapp_book (title, year)")
    result = init()
    assert deeds(result)[0] == ("make a constraint", "book_title_year", "done")
    assert "book_title_year" in constraints()
    assert init()["steps"] == []


@override_settings(DBHEALTH=IMPATIENT)
def test_a_build_that_waits_in_vain_names_the_transaction_and_leaves_nothing(whole):
    """The old transaction has not used the table; only its snapshot is waited for."""
    drop("book_cheap")
    listener = Listener()
    with old_transaction(*HAS_A_SNAPSHOT) as other:
        result = init(listener=listener)
        pid = other.connection.info.backend_pid
    assert result["state"] == "failed"
    assert f'process {pid} (application "the old one"' in result["error"]
    assert f"since {datetime.now():%Y-}" in result["error"]
    assert sum("trying again" in note for note in listener.notes) == 1
    assert status_of("book_cheap") == "missing"
    assert not get_backend("default").ddl.leftovers(TABLE, "book_cheap")
    # What was not made does not keep the others from being looked after.
    assert deeds(result)[0] == ("create", "book_cheap", "failed")


@override_settings(DBHEALTH=IMPATIENT)
def test_what_cannot_be_cleaned_up_is_told_and_rebuilt_by_the_next_call(whole):
    drop("book_cheap")
    with old_transaction(USES_THE_TABLE):
        result = init()
    assert "book_cheap stays behind, invalid" in result["error"]
    assert status_of("book_cheap") == "invalid"
    # The second try was a rebuild, and its copy could not be dropped either.
    assert sorted(deeds(init())) == [
        ("analyze", "", "done"),
        ("drop leftover", "book_cheap_ccnew", "done"),
        ("rebuild", "book_cheap", "done"),
    ]
    assert names() == whole


@override_settings(DBHEALTH=IMPATIENT)
def test_a_rebuild_that_fails_drops_its_copy_and_a_copy_of_somebody_elses_goes_as_well(whole):
    query("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'book_cheap'::regclass")
    query("CREATE INDEX book_upper_ccnew ON indexapp_book (year)")
    sql = "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'book_upper_ccnew'::regclass"
    query(sql)
    with old_transaction(*HAS_A_SNAPSHOT):
        result = init()
    assert ("rebuild", "book_cheap", "failed") in deeds(result)
    assert ("drop leftover", "book_upper_ccnew", "done") in deeds(result)
    sql = "SELECT relname FROM pg_class WHERE relname LIKE 'book%%cc%%'"
    assert query(sql) == []
    assert init()["state"] == "succeeded"
    assert names() == whole


@override_settings(DBHEALTH=ATTENTIVE)
def test_a_long_wait_gives_signs_of_life_is_told_and_ends_when_the_run_is_cancelled(whole):
    drop("book_cheap", "book_upper")
    listener = Listener()
    with old_transaction(USES_THE_TABLE) as other:
        pid = other.connection.info.backend_pid
        work = InThread(lambda: init(listener=listener))
        wait_until(is_waited_for, "the build waits")
        first = last_run().heartbeat_at
        wait_until(lambda: last_run().heartbeat_at > first, "a sign of life comes")
        wait_until(lambda: listener.notes, "the wait is told")
        cancel("default", last_run().pk)
        wait_until(lambda: not builds(), "the build is ended")
    result = work.result()
    assert result["state"] == "cancelled"
    assert [state for _, _, state in deeds(result)] == ["stopped", "not begun", "not begun"]
    assert listener.notes[0].startswith(f"create book_cheap waits for process {pid} (application")
    assert "waiting for writers before build: book_cheap" in listener.started
    assert last_run().state == "cancelled"


@override_settings(DBHEALTH=ATTENTIVE)
def test_a_signal_ends_a_build_that_waits(whole):
    drop("book_cheap")
    stop = stopped()
    reason, stop.reason = stop.reason, None
    with old_transaction(USES_THE_TABLE):
        work = InThread(lambda: init(stop=stop))
        wait_until(is_waited_for, "the build waits")
        stop.reason = reason
        wait_until(lambda: not builds(), "the build is ended")
    result = work.result()
    assert (result["state"], result["stopped"]) == ("interrupted", "stopped by SIGTERM")


def test_a_second_signal_ends_the_build_at_once_and_what_it_leaves_is_dropped(whole, lives):
    drop("book_cheap")
    with old_transaction(*HAS_A_SNAPSHOT):
        life = lives.manage("init_indexes", "--table", TABLE)
        wait_until(is_waited_for, "the build waits")
        life.send(signal.SIGTERM)
        life.send(signal.SIGINT)
        ended = life.wait()
    assert ended["code"] == 1
    assert "Stopped" in ended["errors"]
    assert last_run().state == "interrupted"
    assert status_of("book_cheap") == "missing"


def test_a_process_that_is_killed_leaves_an_invalid_index_that_the_next_call_rebuilds(whole, lives):
    drop("book_cheap")
    with old_transaction(USES_THE_TABLE):
        life = lives.manage("init_indexes", "--table", TABLE)
        wait_until(is_waited_for, "the build waits")
        life.send(signal.SIGKILL)
        assert life.wait()["signal"] == signal.SIGKILL
        # The server works on for a client that is gone; so long it is not touched.
        assert status_of("book_cheap") == "building"
        refused = init()
        assert [refusal["code"] for refusal in refused["refusals"]] == ["being-built"]
        run = refused["run"]
        assert (refused["resumed"], refused["state"]) == (True, "failed")
        query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index "
            "WHERE datname = current_database()"
        )
        wait_until(lambda: not builds(), "the server has let go")
    assert status_of("book_cheap") == "invalid"
    result = init()
    assert (result["state"], result["run"] > run) == ("succeeded", True)
    assert deeds(result)[0] == ("rebuild", "book_cheap", "done")
    assert names() == whole


@override_settings(DBHEALTH=ATTENTIVE)
def test_a_run_that_somebody_else_has_taken_makes_nothing_any_more(whole):
    drop("book_cheap", "book_upper")
    with old_transaction(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1 FROM auth_user"
    ):
        work = InThread(init)
        wait_until(is_waited_for, "the build waits")
        MaintenanceRun.objects.update(generation=F("generation") + 1)
        result = work.result()
    assert result["state"] == "failed"
    assert "was taken over or ended by somebody else" in result["error"]
    assert names() == whole - {"book_cheap", "book_upper"}
    assert not get_backend("default").ddl.leftovers(TABLE, "book_cheap")
    MaintenanceRun.objects.all().delete()


def test_indexes_of_a_partitioned_table_are_refused_in_sentences(transactional_db):
    table = "indexapp_policy"
    with schema(
        setup=[
            f"ALTER TABLE {table} RENAME TO aside",
            f"CREATE TABLE {table} (id bigint, number bigint) PARTITION BY RANGE (id)",
            f"CREATE TABLE policy_part PARTITION OF {table} FOR VALUES FROM (0) TO (9)",
        ],
        undo=[f"DROP TABLE {table}", f"ALTER TABLE aside RENAME TO {table}"],
    ):
        first = init(tables=[table])
        (index,) = Policy._meta.indexes
        query(f'CREATE INDEX "{index.name}_" ON ONLY {table} (number)')
        query("ALTER TABLE aside RENAME CONSTRAINT indexapp_policy_pkey TO aside_pkey")
        query(f'DROP INDEX "{index.name}"')
        query(f'ALTER INDEX "{index.name}_" RENAME TO "{index.name}"')
        second = init(tables=[table])
        query("ALTER TABLE aside RENAME CONSTRAINT aside_pkey TO indexapp_policy_pkey")
    assert codes(first) == {"comes-with-table", "partitioned-table"}
    assert codes(second) == {"comes-with-table", "partition-missing"}
    init(tables=[table])


def codes(result):
    assert result["state"] == "failed"
    return {refusal["code"] for refusal in result["refusals"]}


def test_an_exclusion_constraint_is_refused_in_a_sentence(transactional_db):
    room = apps.get_model("pgindexapp", "Room")
    (apart,) = (item for item in room._meta.constraints if item.name == "room_apart")
    with connection.schema_editor() as editor:
        editor.remove_constraint(room, apart)
    try:
        result = init(tables=["pgindexapp.Room"])
    finally:
        with connection.schema_editor() as editor:
            editor.add_constraint(room, apart)
    (refusal,) = result["refusals"]
    assert (result["state"], refusal["code"]) == ("failed", "not-concurrently")
    assert "room_apart on pgindexapp_room can only be made while nobody" in refusal["why"]


def test_what_a_lock_keeps_from_being_looked_at_fails_the_run_and_is_named(whole):
    with old_transaction("LOCK TABLE indexapp_book IN ACCESS EXCLUSIVE MODE"):
        result = init(tables=[TABLE, "indexapp_shelf"])
    assert (result["state"], result["left_out"]) == ("failed", [TABLE])
    assert [refusal["code"] for refusal in result["refusals"]] == ["table-locked"]
