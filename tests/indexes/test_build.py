"""init_indexes on both engines: what it makes, what it leaves, and how its run can be stopped."""

from contextlib import ExitStack

import pytest
from django.db import connection, transaction
from django.test import override_settings

from dbhealth.exceptions import UsageError
from dbhealth.indexes.build import index_status, init_indexes
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import cancel, pause
from dbhealth.runs.models import MaintenanceRun
from tests.indexes.building import (
    TABLE,
    Listener,
    add_books,
    deeds,
    drop,
    init,
    last_run,
    names,
    old_transaction,
)
from tests.moveapp.tools import query, schema, stopped
from tests.runs.making import dead

pytestmark = pytest.mark.django_db(transaction=True)

BRIEF = {"LOCK_TIMEOUT": 0.1, "BATCH_RETRIES": 1}


def status_of(name):
    found = index_status("default", tables=[TABLE])["databases"]["default"]["indexes"]
    return {entry["name"]: entry["status"] for entry in found}.get(name)


def test_what_is_missing_is_made_and_analyzed_and_a_second_call_finds_nothing_to_do(whole):
    add_books(3)
    drop("book_state_year", "book_cheap", "book_upper")
    assert status_of("book_cheap") == "missing"
    result = init()
    assert result["state"] == "succeeded", result
    assert sorted(deeds(result)) == [
        ("analyze", "", "done"),
        ("create", "book_cheap", "done"),
        ("create", "book_state_year", "done"),
        ("create", "book_upper", "done"),
    ]
    assert names() == whole
    assert status_of("book_cheap") == "present"
    run = last_run()
    assert (run.target, run.state, run.rows_done, run.rows_expected) == ("*", "succeeded", 4, 4)
    assert run.result["steps"] == result["steps"]
    again = init()
    assert (again["state"], again["steps"]) == ("succeeded", [])


def test_a_dry_run_shows_the_statements_that_the_run_executes_and_changes_nothing(whole):
    drop("book_state_year")
    before, runs = names(), MaintenanceRun.objects.count()
    planned = init(dry_run=True)
    assert (names(), MaintenanceRun.objects.count()) == (before, runs)
    assert planned["state"] == "planned"
    [create, analyze] = planned["plan"]["statements"]
    assert create["deed"], create["index"] == ("create", "book_state_year")
    on_postgresql = connection.vendor == "postgresql"
    lock = "ShareUpdateExclusiveLock" if on_postgresql else "RESERVED"
    assert (create["lock"], analyze["lock"]) == (lock, lock)
    assert ("CONCURRENTLY" in create["sql"]) is on_postgresql
    with connection.execute_wrapper(seen := Seen()):
        init()
    for statement in (create, analyze):
        _first, rest = statement["sql"].split(maxsplit=1)
        assert any(sql.endswith(rest) for sql in seen.statements)


class Seen:
    def __init__(self):
        self.statements = []

    def __call__(self, execute, sql, params, many, context):
        self.statements.append(sql)
        return execute(sql, params, many, context)


def test_an_index_that_cannot_be_made_does_not_hide_behind_the_others(whole):
    drop("book_lent", "book_state_year")
    add_books(2, place=7)
    try:
        result = init()
        states = {step["index"]: step["state"] for step in result["steps"]}
        assert states == {"book_lent": "failed", "book_state_year": "done", "": "done"}
        assert result["state"] == "failed"
        assert "book_lent: The rows are not unique: " in result["error"]
        assert names() == whole - {"book_lent"}
        # Nothing half-built is left.
        assert status_of("book_lent") == "missing"
        run = last_run()
        assert run.error == result["error"]
        assert "IntegrityError" in run.traceback
    finally:
        query("DELETE FROM indexapp_book")


def test_what_nobody_declares_and_what_differs_is_reported_and_left(whole):
    drop("book_year")
    query("CREATE INDEX book_year ON indexapp_book (year, state)")
    query("CREATE INDEX nobodys ON indexapp_book (place, year)")
    before = names()
    result = init()
    assert (result["state"], result["steps"]) == ("succeeded", [])
    left = {entry["name"]: entry["status"] for entry in result["untouched"]}
    assert left == {"book_year": "differs", "nobodys": "undeclared"}
    assert names() == before
    drop("book_year")


def test_a_pause_takes_effect_between_indexes_and_the_rest_is_done_when_it_is_resumed(whole):
    drop("book_cheap", "book_upper")

    def at_start(number):
        if number == 1:
            pause("default", last_run().pk)

    result = init(listener=Listener(at_start))
    assert (result["state"], result["stopped"]) == ("paused", "paused")
    assert [state for _, _, state in deeds(result)] == ["done", "not begun", "not begun"]
    refused = init()
    assert refused["state"] == "refused"
    assert [refusal["code"] for refusal in refused["refusals"]] == ["run-active"]
    done = resume_run("default", result["run"], Circumstances())["databases"]["default"]
    # The table that the first process has changed is analyzed by the second one.
    assert [deed for deed, _, _ in deeds(done)] == ["create", "analyze"]
    assert (done["state"], done["resumed"], names()) == ("succeeded", True, whole)


def test_a_run_that_is_cancelled_makes_no_further_index(whole):
    drop("book_cheap", "book_upper")
    # The second one: the first index has been made then.
    titles = []

    def at_start(number):
        titles.append(number)
        if not MaintenanceRun.objects.filter(state="cancelling").exists():
            cancel("default", last_run().pk)

    result = init(listener=Listener(at_start))
    assert (result["state"], result["stopped"]) == ("cancelled", "cancelled")
    assert len(names() & {"book_cheap", "book_upper"}) == 1
    assert last_run().state == "cancelled"


def test_a_signal_ends_the_run_before_the_next_index_and_the_next_call_goes_on(whole):
    drop("book_cheap")
    result = init(stop=stopped())
    assert (result["state"], result["stopped"]) == ("interrupted", "stopped by SIGTERM")
    again = init()
    assert (again["run"], again["resumed"], again["state"]) == (result["run"], True, "succeeded")
    assert names() == whole


def test_the_run_of_a_process_that_has_died_is_carried_on_with(whole):
    drop("book_cheap")
    run = dead("running")
    terms = {"terms": {"tables": [TABLE]}}
    MaintenanceRun.objects.filter(pk=run.pk).update(
        operation="init_indexes", target="*", options=terms, cursor=[TABLE]
    )
    result = init()
    assert (result["run"], result["resumed"], result["state"]) == (run.pk, True, "succeeded")
    assert names() == whole


def test_a_call_inside_a_transaction_is_refused(whole):
    with transaction.atomic():
        result = init()
    assert result["state"] == "refused"
    assert [refusal["code"] for refusal in result["refusals"]] == ["nested-transaction"]


def test_a_database_without_a_run_log_is_refused(whole):
    log = MaintenanceRun._meta.db_table
    with schema(
        setup=[f"ALTER TABLE {log} RENAME TO aside"], undo=[f"ALTER TABLE aside RENAME TO {log}"]
    ):
        result = init()
    assert [refusal["code"] for refusal in result["refusals"]] == ["run-log-missing"]


def test_all_tables_are_vacuumed_and_analyzed_where_that_is_wanted(whole):
    result = init(vacuum=True, analyze=True)
    assert result["state"] == "succeeded", result
    assert [deed for deed, _, _ in deeds(result)] == ["vacuum", "analyze"]
    if connection.vendor == "postgresql":
        found = query(
            "SELECT vacuum_count, analyze_count FROM pg_stat_user_tables WHERE relname = %s", TABLE
        )
        assert all(found[0])


def test_a_table_is_found_by_its_name_or_its_model_and_a_wrong_one_is_told_what_is_near():
    for name in (TABLE, "indexapp.Book", "INDEXAPP.BOOK"):
        assert init(tables=[name], dry_run=True)["indexes"]["present"]
    with pytest.raises(
        UsageError, match=r"no table or model 'indexapp_bok'.* mean 'indexapp_book'"
    ):
        init_indexes(tables=["indexapp_bok"])
    with pytest.raises(UsageError, match="no database 'nowhere'"):
        init_indexes("nowhere")


@pytest.mark.sqlite
@override_settings(DBHEALTH=BRIEF)
def test_a_file_that_stays_locked_is_waited_for_and_then_its_holder_is_named(whole):
    drop("book_cheap")
    with old_transaction():
        result = init()
    assert result["state"] == "refused"
    (refusal,) = result["refusals"]
    assert refusal["code"] == "database-locked"
    assert "this very one, by another connection" in refusal["why"]
    assert init()["state"] == "succeeded"


@pytest.mark.sqlite
@override_settings(DBHEALTH=BRIEF)
def test_a_file_that_is_locked_while_the_run_is_at_work_is_told_with_its_holder(whole):
    drop("book_cheap")
    with ExitStack() as stack:
        listener = Listener(lambda number: number > 1 or stack.enter_context(old_transaction()))
        result = init(listener=listener)
    assert result["state"] == "failed"
    assert any("locked" in note or "lock timeout" in note for note in listener.notes)
    assert "this very one, by another connection" in result["error"]
    MaintenanceRun.objects.all().delete()
