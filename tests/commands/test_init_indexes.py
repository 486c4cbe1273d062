"""manage.py init_indexes: what it prints, as text and as JSON, and how it exits."""

import pytest
from django.db import connection

from dbhealth.runs.models import MaintenanceRun
from tests.commands.tools import on_a_terminal
from tests.indexes.building import names, old_transaction
from tests.moveapp.tools import InThread, query, wait_until
from tests.runs.making import make
from tests.shopapp.models import Parcel

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])

TABLE = "shop_parcels"
ONLY = ("--table", TABLE)


@pytest.fixture
def lacking():
    """Drop the index of the parcels' day of sending; return its name. It is back at the end."""
    before = names(TABLE)
    field = Parcel._meta.get_field("sent_at")
    with connection.schema_editor() as editor:
        (sql,) = editor._field_indexes_sql(Parcel, field)
    (name,) = (name for name in before if "sent_at" in name)
    query(f'DROP INDEX "{name}"')
    yield name
    if name not in names(TABLE):
        query(str(sql))


def test_the_status_shows_every_index_and_who_declares_it_and_changes_nothing(manage, lacking):
    done = manage("init_indexes", "--status", *ONLY)
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if lacking in line)
    assert line.split()[1:] == [TABLE, "missing", "shopapp.Parcel.sent_at", "(db_index)"]
    assert "1 missing." in done.out
    assert not MaintenanceRun.objects.exists()
    (told,) = (
        entry
        for entry in manage("init_indexes", "--status", *ONLY, "--format", "json").json[
            "databases"
        ]["default"]["indexes"]
        if entry["name"] == lacking
    )
    assert told["status"] == "missing"
    assert told["declared"]["file"].endswith("shopapp/models.py")
    assert told["declared"]["line"] > 10


def test_a_dry_run_prints_the_plan_with_its_locks_and_changes_nothing(manage, lacking):
    done = manage("init_indexes", "--dry-run", *ONLY)
    assert done.code == 0, done.err
    on_sqlite = connection.vendor == "sqlite"
    assert f"lock {'RESERVED' if on_sqlite else 'ShareUpdateExclusiveLock'}, blocks" in done.out
    assert f"Build the index {lacking} on {TABLE}" in done.said
    assert "Dry run: nothing was changed. 2 statements would run." in done.out
    assert lacking not in names(TABLE)
    assert not MaintenanceRun.objects.exists()


def test_it_creates_what_is_missing_and_says_so_and_then_there_is_nothing_to_do(manage, lacking):
    done = manage("init_indexes", *ONLY)
    assert done.code == 0, done.said
    assert f"create: {lacking} on {TABLE}" in done.out
    assert "1 index created, 0 rebuilt in" in done.out
    assert lacking in names(TABLE)
    run = MaintenanceRun.objects.get()
    assert (run.operation, run.state, run.trigger) == ("init_indexes", "succeeded", "command")
    again = manage("init_indexes", *ONLY, "--format", "json")
    assert again.json["summary"]["indexes_created"] == 0
    assert again.json["databases"]["default"]["state"] == "succeeded"
    assert not again.err
    shown = manage("maintenance_runs", "--operation", "init_indexes")
    assert shown.out.count("init_indexes") == 2


def test_what_was_not_done_is_an_exit_code_of_one_and_a_sentence(manage):
    other = make("running", target="*")
    MaintenanceRun.objects.filter(pk=other.pk).update(operation="init_indexes")
    done = manage("init_indexes", *ONLY)
    assert done.code == 1
    assert f"refused: Run {other.pk} (init_indexes of *) is running." in done.said
    assert "1 of 1 database was not brought to what the code declares: default." in done.said


def test_all_of_it_vacuums_and_analyzes_and_ends_with_the_status(manage, lacking):
    done = manage("init_indexes", "--all", *ONLY)
    assert done.code == 0, done.said
    assert f"create: {lacking}" in done.out
    (line,) = (line for line in done.out.splitlines() if "db_index" in line)
    assert "present" in line
    told = manage("init_indexes", "--all", *ONLY, "--format", "json").json
    steps = [step["deed"] for step in told["databases"]["default"]["steps"]]
    assert steps == ["vacuum", "analyze"]
    assert told["status"]["databases"]["default"]["counts"]["present"] > 1


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--status", "--all"), "--status shows and changes nothing: no --all."),
        (("--table", "shop_parcel"), "Did you mean 'shop_parcels'"),
        (("--database", "nowhere"), "no database 'nowhere'"),
    ],
)
def test_wrong_usage_is_an_exit_code_of_two(manage, arguments, sentence):
    done = manage("init_indexes", *arguments)
    assert (done.code, sentence in done.said) == (2, True), done.said


def test_another_database_is_seen_to_where_it_is_named(manage):
    done = manage("init_indexes", "--database", "other", *ONLY, "--format", "json")
    assert list(done.json["databases"]) == ["other"]
    assert MaintenanceRun.objects.using("other").get().database == "other"
    assert not MaintenanceRun.objects.exists()


@pytest.mark.postgresql
def test_a_terminal_sees_how_far_a_build_is(process_environment, lacking):
    """The build waits for a transaction, so that there is something to see."""
    with old_transaction(f"LOCK TABLE {TABLE} IN ROW EXCLUSIVE MODE"):
        child = InThread(lambda: on_a_terminal(process_environment(), 120, "init_indexes", *ONLY))
        waits = (
            "SELECT 1 FROM pg_stat_progress_create_index "
            "WHERE phase LIKE 'waiting%%' AND datname = current_database()"
        )
        wait_until(lambda: query(waits), "the build waits")
        wait_until(seen_for_long, "somebody has looked at the wait for long")
    done = child.result()
    assert done.code == 0, done.out
    assert "waiting for writers before build" in done.out
    assert "waits for process" in done.out
    assert "1 index created" in done.out


def seen_for_long():
    """Whether the run has given its second sign of life, long after the first look."""
    run = MaintenanceRun.objects.first()
    return (run.heartbeat_at - run.started_at).total_seconds() > 2
