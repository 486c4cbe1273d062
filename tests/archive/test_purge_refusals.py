"""Every reason not to purge: its code, its sentences, its override, and that nothing changes."""

from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from dbhealth.archive import purge, purge_plan
from dbhealth.exceptions import Refused
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import EventArchive
from tests.moveapp.purging import (
    DECADE,
    KEPT,
    TABLE,
    add_archived,
    keep_some,
    last_purge,
    old_ones,
    purging,
)
from tests.moveapp.tools import change_policy, in_archive, query, schema

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    add_archived(range(1, 6))
    keep_some()


def refused(*, older_than=DECADE, **asked):
    """Return the reasons of a purge and of its dry run, which are the same, by code."""
    before = in_archive()
    planned = purge("move_event", older_than=older_than, dry_run=True, **asked)["tables"][TABLE]
    with pytest.raises(Refused) as caught:
        purge("move_event", older_than=older_than, **asked)
    found = {reason.code: reason for reason in caught.value.refusals}
    assert planned["state"] == "refused"
    assert {reason["code"] for reason in planned["refusals"]} == set(found)
    for reason in found.values():
        assert reason.what
        assert reason.why
        assert reason.instead
    assert in_archive() == before
    return found


def only(found):
    ((_, reason),) = found.items()
    return reason


def exit_code(*args):
    try:
        call_command("purge_archive", "--table", "move_event", "--older-than-days", "3650", *args)
    except CommandError as error:
        return error.returncode
    return 0


def renamed(table):
    return schema(
        setup=[f"ALTER TABLE {table} RENAME TO {table}_kept"],
        undo=[f"ALTER TABLE {table}_kept RENAME TO {table}"],
    )


@pytest.mark.postgresql
def test_an_archive_whose_rules_rewrite_what_a_purge_does(rows):
    rule = f"CREATE RULE meddle AS ON DELETE TO {TABLE} DO ALSO NOTIFY gone"
    with schema(setup=[rule], undo=[f"DROP RULE meddle ON {TABLE}"]):
        reason = only(refused())
    assert reason.code == "rewritten"
    assert f"{TABLE}: meddle" in reason.what


def test_an_archive_that_keeps_its_rows_for_ever(rows):
    reason = only(refused(older_than=None))
    assert reason.code == "no-purge-after"
    assert "moveapp.EventArchive" in reason.what
    assert "--older-than-days" in reason.instead
    assert last_purge().state == "failed"


@pytest.mark.parametrize("days", [0, -1, -4000])
def test_a_time_of_nothing_or_less(days, rows):
    reason = refused(older_than=timedelta(days=days))["purge-after"]
    assert f"{days * 86_400} seconds" in reason.what
    assert reason.override == ""


def test_a_share_that_is_too_large_is_refused_whatever_max_rows_says():
    add_archived(range(1, 52))
    add_archived(range(1001, 1051), days=10)
    reason = only(refused(max_rows=1))
    assert reason.code == "share"
    assert "51 of the 101 rows" in reason.what
    assert "50.5%" in reason.what
    assert reason.override == "--allow-share"
    assert exit_code() == 1
    assert exit_code("--allow-emptying") == 1
    assert exit_code("--allow-share") == 0
    assert old_ones() == list(range(1001, 1051))


def test_just_the_share_is_no_refusal_and_the_setting_counts():
    add_archived(range(1, 11))
    add_archived(range(1001, 1011), days=10)
    with override_settings(DBHEALTH={"PURGE_MAX_SHARE": 0.49}):
        assert set(refused()) == {"share"}
    assert purging()["rows"] == 10


def test_an_archive_that_would_be_empty_needs_both_overrides():
    add_archived([1, 2])
    found = refused()
    assert set(found) == {"share", "purge-emptying"}
    assert "(2)" in found["purge-emptying"].what
    assert set(refused(allow_share=True)) == {"purge-emptying"}
    assert set(refused(allow_emptying=True)) == {"share"}
    assert exit_code("--allow-share", "--allow-emptying") == 0
    assert in_archive() == []


def test_a_setting_of_everything_still_does_not_empty_an_archive():
    add_archived([1, 2])
    with override_settings(DBHEALTH={"PURGE_MAX_SHARE": 1}):
        assert set(refused()) == {"purge-emptying"}


class LateClock(datetime):
    """This machine's clock, set wrong: ten minutes behind."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) - timedelta(minutes=10)


def test_clocks_that_differ(rows, monkeypatch):
    monkeypatch.setattr(purge_plan, "datetime", LateClock)
    reason = only(refused())
    assert reason.code == "clock-skew"
    assert reason.override == "--allow-clock-skew"
    assert exit_code() == 1
    assert exit_code("--allow-clock-skew") == 0
    assert old_ones() == []


def test_a_policy_that_the_system_checks_find_wrong(rows, monkeypatch):
    change_policy(monkeypatch, EventArchive, purge_after=timedelta(0))
    reason = only(refused())
    assert reason.code == "policy-wrong"
    assert "E117" in reason.what


def run_at_work(operation, target, **changes):
    now = timezone.now()
    facts = {"host": "elsewhere", "pid": 4, "created_at": now, "heartbeat_at": now} | changes
    facts = {"state": "running", "generation": 1, "database": "default", **facts}
    return MaintenanceRun.objects.create(operation=operation, target=target, **facts)


@pytest.mark.parametrize("operation", ["archive", "restore"])
@pytest.mark.parametrize("state", ["running", "pausing", "cancelling"])
def test_another_verb_at_work_on_the_same_table(operation, state, rows):
    run = run_at_work(operation, "move_event", state=state)
    reason = only(refused())
    assert reason.code == "archive-in-use"
    assert f"Run {run.pk} ({operation} of move_event) is {state}." in reason.what


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "paused"},
        {"heartbeat_at": timezone.now() - timedelta(hours=1)},
        {"database": "other"},
        {"target": "move_order"},
    ],
    ids=["paused", "dead", "of another database", "of another table"],
)
def test_a_verb_that_moves_nothing_here_is_no_reason(changes, rows):
    run_at_work("archive", **({"target": "move_event"} | changes))
    assert purging()["rows"] == 5


def test_another_purge_at_work_on_the_same_archive(rows):
    run = run_at_work("purge", TABLE)
    reason = only(refused())
    assert reason.code == "run-active"
    assert f"Run {run.pk}" in reason.what


def pointing(action=""):
    return schema(
        setup=[
            f"CREATE TABLE note (id int PRIMARY KEY, event bigint REFERENCES {TABLE} (id) {action})"
        ],
        undo=["DROP TABLE note"],
    )


def test_rows_that_a_constraint_of_somebody_keeps(rows):
    with pointing():
        assert purging(max_rows=1)["rows"] == 1  # nothing points at anything
        query("INSERT INTO note VALUES (1, 3), (2, 4), (3, %s)", KEPT[0])
        reason = only(refused())
        assert reason.code == "archive-referenced"
        assert "2 rows of note (event)" in reason.what
        query("DELETE FROM note WHERE id < 3")
        assert purging()["rows"] == 4


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_a_constraint_that_would_act_by_itself(action, rows):
    with pointing(f"ON DELETE {action}"):
        reason = only(refused())
    assert reason.code == "acts-on-delete"
    assert action in reason.what


def test_an_archive_table_that_is_not_there():
    with renamed(TABLE), pytest.raises(Refused) as caught:
        purging()
    assert [reason.code for reason in caught.value.refusals] == ["archive-missing"]


def test_an_archive_table_that_is_a_view(rows):
    with (
        renamed(TABLE),
        schema(
            setup=[f"CREATE VIEW {TABLE} AS SELECT * FROM {TABLE}_kept"],
            undo=[f"DROP VIEW {TABLE}"],
        ),
    ):
        reason = only(refused())
    assert reason.code == "archive-differs"
    assert "is a view" in reason.what


def test_an_archive_table_with_another_key():
    columns = "id bigint NOT NULL, archived_at timestamp, archive_run_id bigint, payload text"
    with (
        renamed(TABLE),
        schema(setup=[f"CREATE TABLE {TABLE} ({columns})"], undo=[f"DROP TABLE {TABLE}"]),
        pytest.raises(Refused, match=r"primary key \(none\), its model \(id\)"),
    ):
        purging()


def test_an_archive_table_without_its_own_columns():
    with (
        renamed(TABLE),
        schema(
            setup=[f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY NOT NULL)"],
            undo=[f"DROP TABLE {TABLE}"],
        ),
        pytest.raises(Refused, match="no column archived_at and archive_run_id"),
    ):
        purging()


def test_a_run_log_that_is_not_there(rows):
    with renamed("dbhealth_maintenancerun"):
        reason = only(refused())
    assert reason.code == "run-log-missing"


def test_a_transaction_of_the_caller(rows):
    with transaction.atomic(), pytest.raises(Refused) as caught:
        purging()
    assert [reason.code for reason in caught.value.refusals] == ["in-transaction"]
    assert len(old_ones()) == 5


class SourceHereArchiveThere:
    def db_for_write(self, model, **hints):
        return "other" if model is EventArchive else "default"


@override_settings(DATABASE_ROUTERS=[SourceHereArchiveThere()])
def test_a_source_and_an_archive_in_two_databases():
    with pytest.raises(Refused) as caught:
        purging()
    assert [reason.code for reason in caught.value.refusals] == ["two-databases"]


def test_the_refusal_of_a_cron_job_stays_in_the_run_log():
    add_archived([1, 2])
    assert exit_code() == 1
    run = last_purge()
    assert (run.operation, run.state, run.rows_done) == ("purge", "failed", 0)
    assert {reason["code"] for reason in run.result["refusals"]} == {"share", "purge-emptying"}
    assert run.cutoff is not None
