"""vacuum on both engines: what it does, in which order, and how its run is stopped and resumed."""

from contextlib import ExitStack

import pytest
from django.db import connection, transaction
from django.test import override_settings

from dbhealth import starting
from dbhealth.exceptions import UsageError
from dbhealth.maintenance.models import TrackedTable
from dbhealth.maintenance.plan import Asked
from dbhealth.maintenance.snapshots import snapshot_sizes
from dbhealth.maintenance.vacuum import vacuum
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import cancel, pause
from dbhealth.runs.models import MaintenanceRun
from tests.indexes.building import Listener, old_transaction
from tests.maintenance.vacuuming import deeds, last_run, run_vacuum
from tests.moveapp.tools import query, stopped
from tests.runs.making import NOBODY

pytestmark = pytest.mark.django_db(transaction=True)

BRIEF = {"LOCK_TIMEOUT": 0.1, "INDEX_RETRIES": 1, "BATCH_RETRIES": 1}


def steps_of_all():
    """Return the steps of a vacuum of both tables, as the engine has them."""
    if connection.vendor == "postgresql":
        return [("vacuum", "dirty"), ("vacuum", "clean")]
    return [
        ("check integrity", "the whole database"),
        ("check foreign keys", "the whole database"),
        ("vacuum", "the whole database"),
        ("analyze", "clean"),
        ("analyze", "dirty"),
        ("optimize", "the whole database"),
    ]


def analyzed(table):
    if connection.vendor == "postgresql":
        sql = "SELECT 1 FROM pg_stat_user_tables WHERE relname = %s AND last_analyze IS NOT NULL"
    else:
        sql = "SELECT 1 FROM sqlite_stat1 WHERE tbl = %s"
    return bool(query(sql, table))


def test_tables_are_vacuumed_and_analyzed_and_the_run_keeps_the_sizes(tables):
    result = run_vacuum()
    assert result["state"] == "succeeded", result
    assert deeds(result) == [(*step, "done") for step in steps_of_all()]
    assert analyzed("dirty")
    assert analyzed("clean")
    (step,) = (
        step for step in result["steps"] if step["deed"] == "vacuum" and step["table"] != "clean"
    )
    assert 0 < step["bytes_after"] < step["bytes_before"]
    run = last_run()
    assert (run.target, run.state, run.rows_done) == ("*", "succeeded", len(steps_of_all()))
    assert run.result["steps"] == result["steps"]
    assert run.result["bytes_after"] == result["bytes_after"] > 0


def test_a_dry_run_shows_the_statements_that_the_run_executes_and_changes_nothing(tables):
    planned = run_vacuum(dry_run=True)
    assert planned["state"] == "planned"
    shown = [(told["deed"], told["table"]) for told in planned["plan"]["statements"]]
    assert shown == steps_of_all()
    assert all(told["lock_timeout_seconds"] for told in planned["plan"]["statements"])
    assert not MaintenanceRun.objects.exists()
    assert not analyzed("dirty")


def test_only_statistics_are_renewed_where_only_that_is_wanted(tables):
    result = run_vacuum(analyze_only=True)
    assert result["state"] == "succeeded"
    assert {deed for deed, _, _ in deeds(result)} <= {"analyze", "optimize"}
    assert analyzed("clean")
    assert analyzed("dirty")


def test_indexes_are_rebuilt_where_that_is_wanted_and_get_smaller(tables):
    result = run_vacuum(tables=["dirty"], reindex=True)
    assert result["state"] == "succeeded", result
    rebuilt = [index for deed, index, state in deeds(result) if deed == "rebuild"]
    assert "dirty_text" in rebuilt
    if connection.vendor == "postgresql":
        assert "dirty_pkey" in rebuilt
        (step,) = (step for step in result["steps"] if step["index"] == "dirty_text")
        assert step["bytes_after"] < step["bytes_before"]


def test_nothing_but_the_indexes_is_done_where_only_that_is_wanted(tables):
    result = run_vacuum(tables=["dirty"], reindex_only=True)
    assert result["state"] == "succeeded", result
    assert {deed for deed, _, _ in deeds(result)} == {"rebuild"}
    assert "dirty_text" in {index for _, index, _ in deeds(result)}
    assert not analyzed("dirty")
    assert last_run().options["terms"]["reindex_only"] is True


def test_one_index_is_rebuilt_alone_and_by_whoever_carries_on_with_the_run(tables):
    queued = starting.vacuum(
        "default",
        starting.Asker(name="anne"),
        ["dirty", "clean"],
        Asked(reindex_only=True, indexes=("dirty_text", "dirty_gone")),
    )
    result = resume_run("default", queued.pk, Circumstances())["databases"]["default"]
    assert deeds(result) == [("rebuild", "dirty_text", "done")]
    assert [refusal["code"] for refusal in result["refusals"]] == ["index-missing"]
    assert last_run().options["terms"]["indexes"] == ["dirty_gone", "dirty_text"]


def test_a_pause_takes_effect_after_the_step_at_work_and_resuming_does_what_is_left(tables):
    listener = Listener(lambda number: number > 1 or pause("default", last_run().pk))
    first = run_vacuum(listener=listener)
    assert first["state"] == "paused", first
    done = [step for step in first["steps"] if step["state"] == "done"]
    assert len(done) == 1
    refused = run_vacuum()
    assert refused["refusals"][0]["code"] == "run-active"
    result = resume_run("default", first["run"], Circumstances())["databases"]["default"]
    assert (result["state"], result["resumed"], result["run"]) == ("succeeded", True, first["run"])
    assert deeds(result) == [(*step, "done") for step in steps_of_all()[1:]]
    assert last_run().rows_done == len(steps_of_all())


def test_a_signal_interrupts_and_the_next_call_goes_on_also_after_a_crash(tables):
    first = run_vacuum(stop=stopped())
    assert (first["state"], last_run().rows_done) == ("interrupted", 0)
    run = last_run()
    # As if its process had been killed behind the first step.
    gone = {"state": "running", "pid": NOBODY, "finished_at": None}
    MaintenanceRun.objects.filter(pk=run.pk).update(cursor=[1], rows_done=1, **gone)
    result = run_vacuum()
    assert (result["resumed"], result["run"]) == (True, run.pk)
    assert deeds(result) == [(*step, "done") for step in steps_of_all()[1:]]
    # With other options it is another vacuum.
    assert not run_vacuum(analyze_only=True)["resumed"]


def test_a_step_that_failed_before_a_pause_is_done_again_by_whoever_carries_on(tables):
    first = run_vacuum(stop=stopped())
    MaintenanceRun.objects.filter(pk=first["run"]).update(cursor=[2, 0])
    result = run_vacuum()
    wanted = [steps_of_all()[0], *steps_of_all()[2:]]
    assert deeds(result) == [(*step, "done") for step in wanted]


def test_a_run_that_is_cancelled_ends_after_the_step_at_work(tables):
    listener = Listener(lambda number: number > 1 or cancel("default", last_run().pk))
    result = run_vacuum(listener=listener)
    assert result["state"] == "cancelled"
    assert result["steps"][-1]["state"] == "not begun"


def test_nothing_is_begun_after_the_longest_time_and_the_run_has_succeeded(tables):
    result = run_vacuum(seconds=0.000001)
    assert (result["state"], result["stopped"]) == ("succeeded", "max-runtime reached")
    assert {step["state"] for step in result["steps"]} == {"not begun"}


def test_what_is_kept_of_chosen_tables_is_renewed(tables):
    snapshot_sizes("default")
    TrackedTable.objects.update(rows=7)
    before = TrackedTable.objects.get(table="dirty")
    assert before.unanalyzed
    assert run_vacuum(tables=["dirty"])["state"] == "succeeded"
    kept = TrackedTable.objects.get(table="dirty")
    assert (kept.pk, kept.unanalyzed, kept.dead_rows or 0) == (before.pk, False, 0)
    assert kept.rows == 2_000
    assert kept.looked_at > before.looked_at
    assert set(TrackedTable.objects.exclude(table="dirty").values_list("rows", flat=True)) == {7}


def test_what_nobody_has_kept_is_not_begun_by_a_vacuum(tables):
    run_vacuum(tables=["dirty"])
    assert not TrackedTable.objects.exists()


def test_it_is_refused_inside_a_transaction(tables):
    with transaction.atomic():
        result = run_vacuum()
    assert result["refusals"][0]["code"] == "nested-transaction"


@pytest.mark.parametrize(
    "asked, sentence",
    [
        ({"analyze_only": True, "freeze": True}, "no --freeze"),
        ({"analyze_only": True, "reindex_only": True}, "no --reindex-only"),
        ({"reindex_only": True, "full": True}, "vacuums and analyzes nothing: no --full"),
        ({"full": True, "reindex": True}, "no --reindex"),
        ({"indexes": ("x",)}, "Indexes are named where they are rebuilt"),
        ({"min_dead_ratio": 1.5}, "from 0 to 1"),
    ],
)
def test_what_does_not_go_together_is_said(asked, sentence):
    with pytest.raises(UsageError, match=sentence):
        run_vacuum(**asked)
    with pytest.raises(UsageError, match="no table or model 'nowhere'"):
        vacuum("default", tables=["nowhere"])


@pytest.mark.sqlite
def test_a_file_with_few_free_pages_is_not_written_anew_where_a_ratio_is_given(tables):
    result = run_vacuum(min_dead_ratio=0.99)
    assert result["below_ratio"] == ["the whole database"]
    assert "vacuum" not in {deed for deed, _, _ in deeds(result)}
    assert "vacuum" in {deed for deed, _, _ in deeds(run_vacuum(min_dead_ratio=0.0001))}


@pytest.mark.sqlite
def test_sqlite_has_nothing_to_freeze_and_says_so(tables):
    result = run_vacuum(freeze=True)
    assert (result["state"], result["refusals"][0]["code"]) == ("refused", "no-freezing")


@pytest.mark.sqlite
@override_settings(DBHEALTH=BRIEF)
def test_a_file_that_is_locked_meanwhile_is_skipped_with_the_name_of_its_holder(tables):
    with ExitStack() as stack:
        # The third step is VACUUM.
        listener = Listener(lambda n: n != 3 or stack.enter_context(old_transaction()))
        result = run_vacuum(listener=listener)
    assert result["state"] == "failed"
    assert ("vacuum", "the whole database", "skipped") in deeds(result) or "locked" in result[
        "error"
    ]
    assert "this very one, by another connection" in result["error"]
    MaintenanceRun.objects.all().delete()
