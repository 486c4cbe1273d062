"""vacuum beside the work of others: order, locked tables, FULL, FREEZE, partitions, cancelling."""

from unittest import mock

import pytest
from django.db import connection
from django.test import override_settings

from dbhealth.backends import get_backend
from dbhealth.maintenance.need import in_order
from dbhealth.runs.control import cancel
from dbhealth.runs.models import MaintenanceRun
from tests.indexes.building import Listener, old_transaction
from tests.maintenance.vacuuming import dead_rows, deeds, last_run, run_vacuum
from tests.moveapp.tools import InThread, query, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

BRIEF = {"LOCK_TIMEOUT": 0.1, "INDEX_RETRIES": 1}
LOCK = "LOCK TABLE dirty IN SHARE UPDATE EXCLUSIVE MODE"


def test_the_neediest_table_comes_first_and_one_without_dead_rows_is_left_where_a_ratio_is(tables):
    result = run_vacuum(min_dead_ratio=0.2)
    assert deeds(result) == [("vacuum", "dirty", "done")]
    assert result["below_ratio"] == ["clean"]
    (told,) = result["tables"]
    assert (told["table"], told["dead_rows"], told["dead_share"]) == ("dirty", 2000, 0.5)
    assert told["need"] > 1
    wait_until(lambda: dead_rows("dirty") == 0, "the statistics arrive")


def test_what_changed_decides_where_only_statistics_are_renewed(tables):
    found = [t for t in get_backend("default").conditions.report().tables if t.table == "dirty"]
    (need,) = in_order(found, analyze_only=True)
    assert "rows changed since ANALYZE" in need.why
    (need,) = in_order(found)
    assert need.score >= 1


@override_settings(DBHEALTH=BRIEF)
def test_a_table_that_cannot_be_locked_in_time_is_skipped_and_named_and_the_others_are_done(tables):
    listener = Listener()
    with old_transaction(LOCK) as other:
        result = run_vacuum(listener=listener)
        pid = other.connection.info.backend_pid
    assert deeds(result) == [("vacuum", "dirty", "skipped"), ("vacuum", "clean", "done")]
    assert result["state"] == "failed"
    assert result["error"].startswith("dirty: It waited for a lock, tried again, and gave up.")
    assert f'process {pid} (application "the old one"' in result["error"]
    assert "call vacuum again" in result["error"]
    assert sum("trying again" in note for note in listener.notes) == 1
    assert run_vacuum()["state"] == "succeeded"


@override_settings(DBHEALTH=BRIEF | {"INDEX_RETRIES": 3})
def test_while_a_table_is_waited_for_the_run_says_for_whom_and_no_more_when_it_is_free(tables):
    says_why = MaintenanceRun.objects.filter(operation="vacuum").exclude(holding_back="")
    with old_transaction(LOCK):
        work = InThread(lambda: run_vacuum(tables=["dirty"]))
        wait_until(says_why.exists, "the run says why it holds back")
        said = says_why.get().holding_back
    assert "dirty waits for a lock; in its way: process" in said
    assert said.endswith("of 3).")
    assert work.result()["state"] == "succeeded"
    assert last_run().holding_back == ""


def test_how_far_the_server_is_is_told_while_it_is_at_work(tables):
    heard = Listener()
    kept = MaintenanceRun.objects.filter(doing__regex="^(scanning|vacuuming) .*: dirty")
    query("SET vacuum_cost_delay = 50")
    query("SET vacuum_cost_limit = 20")
    looks_on = InThread(lambda: wait_until(kept.exists, "the run keeps how far the server is"))
    with mock.patch("dbhealth.runs.watch._BEAT_EACH", 0.1):
        assert run_vacuum(tables=["dirty"], listener=heard)["state"] == "succeeded"
    looks_on.result()
    phases = {title.partition(":")[0] for title in heard.started if title.endswith(": dirty")}
    assert phases & {"scanning heap", "vacuuming indexes", "vacuuming heap"}
    assert last_run().doing == ""


def test_full_says_what_it_locks_and_needs_and_gives_space_back(tables):
    planned = run_vacuum(full=True, dry_run=True, tables=["dirty"])
    (told,) = planned["plan"]["statements"]
    assert told["lock"] == "AccessExclusiveLock"
    (room,) = planned["plan"]["room"]
    assert room["needed"] == planned["plan"]["tables"][0]["bytes"] > 0
    assert room["free"] is None
    (step,) = run_vacuum(full=True, tables=["dirty"])["steps"]
    assert (step["state"], step["bytes_after"] < step["bytes_before"] * 0.7) == ("done", True)


def test_freezing_makes_the_table_young(tables):
    assert run_vacuum(freeze=True, tables=["dirty"])["state"] == "succeeded"
    sql = "SELECT age(relfrozenxid) FROM pg_class WHERE relname = %s"
    assert query(sql, "dirty")[0][0] < query(sql, "clean")[0][0]


def test_a_partitioned_table_is_analyzed_and_its_partitions_are_vacuumed(tables):
    query("CREATE TABLE parted (id integer) PARTITION BY RANGE (id)")
    query("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)")
    try:
        result = run_vacuum(tables=["parted"])
        assert sorted(deeds(result)) == [
            ("analyze", "parted", "done"),
            ("vacuum", "parted_1", "done"),
        ]
    finally:
        query("DROP TABLE parted")


def test_what_cannot_be_rebuilt_beside_others_is_left_with_a_note(tables):
    query("ALTER TABLE clean ADD CONSTRAINT apart EXCLUDE USING btree (text WITH =)")
    query("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'clean_text'::regclass")
    result = run_vacuum(tables=["clean"], reindex=True)
    assert [name for deed, name, _ in deeds(result) if deed == "rebuild"] == ["clean_pkey"]
    assert any("apart is an exclusion constraint" in note for note in result["notes"])
    assert any("clean_text is not valid" in note for note in result["notes"])


@override_settings(DBHEALTH={"LOCK_TIMEOUT": 2.5, "STATEMENT_TIMEOUT": 0.5, "LEASE_SECONDS": 3.2})
def test_cancelling_ends_a_statement_that_waits_for_somebody(tables):
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'dirty'::regclass"
    with old_transaction(LOCK):
        work = InThread(run_vacuum)
        wait_until(lambda: query(waiting), "VACUUM waits")
        cancel("default", last_run().pk)
        result = work.result()
    assert result["state"] == "cancelled"
    assert deeds(result) == [("vacuum", "dirty", "stopped"), ("vacuum", "clean", "not begun")]


def test_a_table_of_another_role_is_left_to_it_and_refused_where_it_is_named(tables):
    query("CREATE ROLE stranger")
    try:
        query("SET ROLE stranger")
        foreign = get_backend("default").upkeep.forbidden()
        planned = run_vacuum(tables=["dirty"], dry_run=True)
        every = run_vacuum(tables=None, dry_run=True)
    finally:
        query("RESET ROLE")
        query("DROP ROLE stranger")
    assert "dirty" in foreign
    assert planned["refusals"][0]["code"] == "not-allowed"
    assert planned["plan"]["statements"] == every["plan"]["statements"] == []
    assert any(note.startswith("left to their owners:") for note in every["notes"])
    assert not get_backend("default").upkeep.forbidden()


def test_who_may_maintain_a_table_may_vacuum_it(tables):
    if connection.pg_version < 170000:
        pytest.skip("MAINTAIN is there from PostgreSQL 17 on.")
    query("CREATE ROLE helper")
    try:
        query("GRANT MAINTAIN ON dirty TO helper")
        query("SET ROLE helper")
        foreign = get_backend("default").upkeep.forbidden()
    finally:
        query("RESET ROLE")
        query("DROP OWNED BY helper")
        query("DROP ROLE helper")
    assert "clean" in foreign
    assert "dirty" not in foreign
