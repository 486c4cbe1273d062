"""manage.py vacuum: what it prints, as text and as JSON, what it asks, and how it exits."""

import io
import sys

import pytest
from django.db import connection
from django.test import override_settings

from dbhealth.runs.models import MaintenanceRun
from tests.indexes.building import old_transaction
from tests.maintenance.vacuuming import tables
from tests.runs.making import make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])

__all__ = ["tables"]

ONLY = ("--table", "dirty")


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True


def test_a_dry_run_prints_the_order_and_the_statements_with_their_locks(manage, tables):
    done = manage("vacuum", "--dry-run", *ONLY, "--table", "clean")
    assert done.code == 0, done.err
    if connection.vendor == "postgresql":
        assert "dirty, " in done.out
        assert "50% of its rows dead: 6,000 rows changed since ANALYZE" in done.said
        assert "lock ShareUpdateExclusiveLock, blocks changes of the table itself" in done.said
        assert done.out.index('VACUUM (ANALYZE) "dirty"') < done.out.index('(ANALYZE) "clean"')
    else:
        assert "lock EXCLUSIVE, blocks whoever reads or writes the database file" in done.said
        assert "are free" in done.said
    assert "Dry run: nothing was changed." in done.out
    assert not MaintenanceRun.objects.exists()


def test_it_prints_sizes_before_and_after_and_the_run_keeps_them(manage, tables):
    done = manage("vacuum", *ONLY)
    assert done.code == 0, done.said
    name = "dirty" if connection.vendor == "postgresql" else "the whole database"
    assert f"vacuum {name}: " in done.out
    assert " before, " in done.out
    assert "given back to the disk." in done.out
    run = MaintenanceRun.objects.get()
    assert (run.operation, run.state, run.trigger) == ("vacuum", "succeeded", "command")
    assert run.result["bytes_before"] >= run.result["bytes_after"] > 0
    again = manage("vacuum", *ONLY, "--analyze-only", "--format", "json")
    assert again.json["summary"]["analyzed"] == 1
    assert again.json["summary"]["vacuumed"] == 0
    assert not again.err
    assert manage("maintenance_runs", "--operation", "vacuum").out.count("vacuum") == 2


def test_full_is_asked_for_where_somebody_is_there_and_wants_a_yes_elsewhere(
    manage, tables, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    refused = manage("vacuum", "--full", *ONLY)
    assert refused.code == 2
    assert "call it with --yes" in refused.said
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    declined = manage("vacuum", "--full", *ONLY)
    assert (declined.code, "Nothing was changed." in declined.said) == (2, True)
    lock = "AccessExclusiveLock" if connection.vendor == "postgresql" else "EXCLUSIVE"
    assert f"under the lock {lock}, which blocks whoever reads or writes" in declined.said
    assert "free disk" in declined.said
    assert not MaintenanceRun.objects.exists()
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert manage("vacuum", "--full", *ONLY).code == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    done = manage("vacuum", "--full", "--yes", *ONLY, "--format", "json")
    assert done.json["summary"]["vacuumed"] == 1


@pytest.mark.postgresql
@override_settings(DBHEALTH={"LOCK_TIMEOUT": 0.1, "INDEX_RETRIES": 0})
def test_a_table_that_somebody_holds_is_named_and_the_exit_code_is_one(manage, tables):
    with old_transaction("LOCK TABLE dirty IN SHARE UPDATE EXCLUSIVE MODE"):
        done = manage("vacuum", *ONLY, "--table", "clean")
    assert done.code == 1
    assert "In its way: process" in done.said
    assert 'application "the old one"' in done.said
    assert "1 of 1 database was not vacuumed as asked: default." in done.said


def test_another_vacuum_is_an_exit_code_of_one(manage, tables):
    other = make("running", target="*")
    MaintenanceRun.objects.filter(pk=other.pk).update(operation="vacuum")
    done = manage("vacuum", *ONLY)
    assert done.code == 1
    assert f"refused: Run {other.pk} (vacuum of *) is running." in done.said
    paused = manage("maintenance_runs", "pause", str(other.pk))
    assert "the table at work is finished first." in paused.said


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--analyze-only", "--full"), "--analyze-only vacuums and rebuilds nothing: no --full."),
        (("--full", "--reindex", "--yes"), "no --reindex"),
        (("--min-dead-ratio", "2"), "a number from 0 to 1"),
        (("--min-dead-ratio", "half"), "is not a number"),
        (("--table", "shop_parcel"), "Did you mean 'shop_parcels'"),
    ],
)
def test_wrong_usage_is_an_exit_code_of_two(manage, arguments, sentence, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    done = manage("vacuum", *arguments)
    assert (done.code, sentence in done.said) == (2, True), done.said


def test_another_database_is_seen_to_where_it_is_named_and_a_paused_run_is_carried_on_with(manage):
    done = manage("vacuum", "--database", "other", "--table", "shop_parcels", "--format", "json")
    assert list(done.json["databases"]) == ["other"]
    run = MaintenanceRun.objects.using("other").get()
    MaintenanceRun.objects.using("other").filter(pk=run.pk).update(
        state="paused", cursor=[1], finished_at=None
    )
    resumed = manage("maintenance_runs", "resume", str(run.pk), "--database", "other")
    assert resumed.code == 0, resumed.said
    assert "succeeded, resumed" in resumed.said
