"""The server goes away in the middle of a batch, or the connection to it does.

Batches do not wait for the disk, so a crash may take the newest ones back. Each of them goes as a
whole, rows and run log alike: what must hold is that every row is there once, and that a run has
counted what it has moved.
"""

import json
import random
from collections import Counter

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Count
from django.test import override_settings

from dbhealth.archive import verify_run
from dbhealth.runs.models import MaintenanceRun
from tests.famapp import tools as family
from tests.famapp.models import Line, Story, StoryArchive
from tests.moveapp.lives import Lives
from tests.moveapp.models import Event, EventArchive
from tests.moveapp.tools import (
    InThread,
    Listener,
    add_events,
    archive,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
    schema,
    wait_until,
    waiting_sessions,
)
from tests.servers.waiting import WAITING

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

SEED = 20_261_122
PATIENT = {"LOCK_TIMEOUT": 20.0, "STATEMENT_TIMEOUT": 25.0}
FAMILY = ("Tag", "Story", "Chapter", "Line", "Picture", "Star")


@pytest.fixture
def own_server(durable_server, transactional_db, process_environment):
    """Send `default` to a server that may be stopped, with the tables of the tests in it."""
    connection.close()
    at = connections.settings["default"]
    before = {name: at[name] for name in ("HOST", "NAME")}
    at |= {"HOST": durable_server.host, "NAME": "postgres"}
    try:
        _make_tables()
        names = dict.fromkeys(connections, "postgres")
        environment = process_environment() | {
            "DBHEALTH_TEST_HOST": durable_server.host,
            "DBHEALTH_TEST_NAMES": json.dumps(names),
            "DJANGO_SETTINGS_MODULE": str(settings.SETTINGS_MODULE),
        }
        lives = Lives(environment)
        try:
            yield durable_server, lives
        finally:
            lives.clear()
            lives.close()
        query("DROP SCHEMA public CASCADE")
        query("CREATE SCHEMA public")
    finally:
        connection.close()
        at |= before


def _make_tables():
    archives = [f"{name}Archive" for name in FAMILY[1:5]]
    models = [MaintenanceRun, Event, EventArchive]
    models += [apps.get_model("famapp", name) for name in (*FAMILY, *archives, "StoryTagArchive")]
    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)


def crash_during(server, lives, table, archived, *, at_rows):
    """Let a process archive, and stop the server at once when it has moved so many rows."""
    life = lives.manage("archive", "--table", table, "--batch-size", 20)
    with psycopg.connect(server.dsn, autocommit=True) as session:
        counting = f"SELECT count(*) FROM {archived}"
        wait_until(
            lambda: session.execute(counting).fetchone()[0] >= at_rows, "the run has moved rows"
        )
    server.stop("immediate")
    ended = life.wait()
    connection.close()
    server.start()
    return ended


def assert_counted(model):
    """Each run has counted what the archives hold of it; for a family, in all of its tables."""
    counted = dict(MaintenanceRun.objects.values_list("pk", "rows_done"))
    held = Counter()
    for each in model:
        runs = each.objects.values_list("archive_run").annotate(Count("pk")).order_by()
        held.update(dict(runs))
    assert {pk: rows for pk, rows in counted.items() if rows} == dict(held)


def test_a_server_that_is_stopped_at_once_between_rows_loses_none_and_the_next_call_goes_on(
    own_server,
):
    server, lives = own_server
    add_events(range(1, 6_001))
    keep_one()
    chance, codes = random.Random(SEED), []  # noqa: S311
    for _ in range(3):
        at = len(in_archive()) + chance.randint(1, 900)
        codes.append(crash_during(server, lives, "move_event", "move_event_archive", at_rows=at))
        everything = Counter(in_source()) + Counter(in_archive())
        assert everything == Counter([*range(1, 6_001), 10**9])
        assert_counted([EventArchive])
    assert [ended["code"] for ended in codes] == [1, 1, 1]
    # The process is gone, so its run is carried on with: by the next call, with its cutoff.
    ended = lives.run()
    assert ended["code"] == 0, ended["output"] + ended["errors"]
    assert in_archive() == list(range(1, 6_001))
    run = MaintenanceRun.objects.get()
    assert (run.state, run.rows_done) == ("succeeded", 6_000)
    assert verify_run(run.pk, "default")["ok"]


def test_a_server_that_is_stopped_at_once_leaves_families_whole(own_server):
    server, lives = own_server
    for _ in range(120):
        family.story(chapters=[(family.OLD, [family.OLD] * 4)] * 2, tags=1, pictures=1)
    family.story(family.YOUNG, chapters=[(family.OLD, [family.OLD])])
    pairs = family.PAIRS
    family.PAIRS = pairs[:5]
    try:
        before = family.rows()
        for part in (10, 60):
            crash_during(server, lives, "famapp_story", "famapp_story_archive", at_rows=part)
            assert family.together() == before
            assert_counted([target for _, target in family.PAIRS])
        assert lives.manage("archive", "--table", "famapp_story").wait()["code"] == 0
        assert family.together() == before
    finally:
        family.PAIRS = pairs
    assert (Story.objects.count(), StoryArchive.objects.count()) == (1, 120)
    assert MaintenanceRun.objects.get().state == "succeeded"


@pytest.fixture
def story():
    made = family.story(chapters=[(family.OLD, [family.OLD] * 3)] * 2, tags=1, pictures=1)
    family.story(family.YOUNG)
    return made


def test_a_connection_that_is_lost_in_the_middle_of_a_batch_fails_the_run_and_loses_nothing():
    add_events(range(1, 41))
    keep_one()
    with override_settings(DBHEALTH=PATIENT), transaction.atomic():
        query("SELECT id FROM move_event WHERE id = 15 FOR UPDATE")
        run = InThread(lambda: archive(batch_size=8))
        end_whoever_waits()
    with pytest.raises(DatabaseError):
        run.result()
    assert (last_run().state, last_run().rows_done) == ("failed", 8)
    assert in_archive() == list(range(1, 9))
    assert archive()["rows"] == 32


def end_whoever_waits():
    wait_until(waiting_sessions, "the batch waits for a row")
    query(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS w")


def test_a_connection_that_is_lost_in_the_middle_of_a_family_leaves_it_whole(story):
    before = family.rows()
    with override_settings(DBHEALTH=PATIENT), transaction.atomic():
        query("SELECT id FROM famapp_story WHERE id = %s FOR UPDATE", story.pk)
        run = InThread(lambda: archive("famapp_story"))
        end_whoever_waits()
    with pytest.raises(DatabaseError):
        run.result()
    assert last_run("famapp_story").state == "failed"
    assert family.rows() == before
    assert not any(family.archived().values())
    archive("famapp_story")
    assert family.together() == before
    assert not Story.objects.filter(pk=story.pk).exists()


def test_a_deadlock_with_a_family_is_tried_again(story):
    """The batch has deleted a line and waits for the story, whose holder then wants the line."""
    calm, listener = {"LOCK_TIMEOUT": 20.0}, Listener()
    line = min(family.keys(Line))
    with override_settings(DBHEALTH=calm), transaction.atomic():
        Story.objects.filter(pk=story.pk).update(title="mine")
        run = InThread(lambda: archive("famapp_story", listener=listener))
        wait_until(waiting_sessions, "the batch waits for the story")
        Line.objects.filter(pk=line).update(text="mine, too")
        changed = family.rows()
    result = run.result()
    assert result["state"] == "succeeded"
    assert any(note.startswith("deadlock: trying again") for note in listener.notes)
    assert family.together() == changed
    assert family.keys(StoryArchive) == {story.pk}


@override_settings(DBHEALTH={"STATEMENT_TIMEOUT": 0.4, "ARCHIVE_BATCH_FLOOR": 2})
def test_statements_of_families_that_take_too_long_shrink_the_batch():
    for _ in range(8):
        family.story(chapters=[(family.OLD, [family.OLD] * 3)])
    family.story(family.YOUNG)
    before, listener = family.rows(), Listener()
    slow = [
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON famapp_line_archive "
        "FOR EACH ROW EXECUTE FUNCTION be_slow()",
    ]
    undo = ["DROP TRIGGER slow ON famapp_line_archive", "DROP FUNCTION be_slow()"]
    with schema(setup=slow, undo=undo):
        result = archive("famapp_story", listener=listener)
    assert result["state"] == "succeeded"
    assert [note for note in listener.notes if note.startswith("statement timeout")]
    assert family.together() == before
    assert Story.objects.count() == 1
