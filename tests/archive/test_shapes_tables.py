"""Names that need quoting, constraints, other people's tables, managers that hide, dates."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dbhealth.archive import archive_table, get_archival_stats
from dbhealth.archive.api import archive_tables
from dbhealth.archive.family import leaving_in
from dbhealth.archive.plan import Asked
from tests.testapp import models, raw
from tests.testapp.moving import AWKWARD, NOW, OLD, YOUNG, Move

pytestmark = pytest.mark.django_db(transaction=True)


def test_names_that_need_quoting_are_quoted():
    move = Move(models.MixedCase)
    assert move.names == ["Order Id", "createdAt", "select", "Größe in 'cm'"]
    assert move.archive.archive_table == "Mixed Case Orders_archive"
    move.add(
        leaving=[models.MixedCase(created_at=OLD, kind="a", remark=text) for text in AWKWARD],
        staying=[models.MixedCase(created_at=YOUNG, kind="a", remark="b")],
    )
    move.run()
    assert models.MixedCaseArchive.objects.filter(remark="NULL", kind="a").count() == 1


def test_the_longest_name_that_postgresql_keeps_has_an_archive_too():
    move = Move(models.LongName)
    assert len(move.archive.table) == len(move.archive.archive_table) == 63
    assert move.archive.archive_table != move.archive.table
    move.add(
        leaving=[models.LongName(created_at=OLD) for _ in range(3)],
        staying=[models.LongName(created_at=YOUNG)],
    )
    move.run()


def test_a_source_may_have_columns_with_the_archive_s_own_names():
    move = Move(models.TakenNames)
    move.add(
        leaving=[
            models.TakenNames(created_at=OLD, archived_at="1999", archive_run=n, policy="mine")
            for n in (None, -1, 2)
        ],
        staying=[models.TakenNames(created_at=YOUNG, archived_at="", policy="")],
    )
    run = move.run()["run"]
    row = models.TakenNamesArchive.objects.get(archive_run=2)
    assert (row.archived_at, row.policy) == ("1999", "mine")
    assert row.dbhealth_archive_run_id == run
    assert row.dbhealth_archived_at > NOW - timedelta(minutes=5)


def test_a_source_may_have_columns_with_the_archive_s_own_column_names():
    move = Move(models.TakenColumns)
    move.add(
        leaving=[models.TakenColumns(created_at=OLD, filed=OLD, run=n) for n in (None, 2**62)],
        staying=[models.TakenColumns(created_at=YOUNG)],
    )
    move.run()
    assert models.TakenColumnsArchive.objects.get(run=2**62).filed == OLD


def test_values_that_were_unique_may_be_archived_again_and_again():
    move = Move(models.Constrained)
    move.add(staying=[models.Constrained(created_at=YOUNG, name="stays", group="s", place=-10)])
    for _ in range(2):
        models.Constrained.objects.create(
            created_at=OLD, name="Once", group="g", place=7, active=True
        )
        assert archive_table(models.Constrained)["rows"] == 1
    assert move.in_source() == move.staying
    assert list(models.ConstrainedArchive.objects.values_list("name", "group", "place")) == [
        ("Once", "g", 7),
        ("Once", "g", 7),
    ]


def test_what_was_unique_is_still_found_by_an_index():
    indexes = {tuple(index.fields) for index in models.ConstrainedArchive._meta.indexes}
    assert indexes == {("name",), ("group", "place"), ("group",)}
    assert not models.ConstrainedArchive._meta.constraints
    assert not models.ConstrainedArchive._meta.unique_together
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(
            cursor, models.ConstrainedArchive._meta.db_table
        ).values()
    unique = [entry["columns"] for entry in found if entry["unique"]]
    assert all(columns == ["id"] for columns in unique)
    plain = [entry["columns"] for entry in found if entry["index"] and not entry["unique"]]
    assert ["group", "place"] in plain
    assert not [entry for entry in found if entry["foreign_key"]]


def test_a_day_counts_as_past_only_when_it_is_wholly_past():
    today = timezone.now().date()
    move = Move(models.ByDay)
    move.add(
        leaving=[
            models.ByDay(day=today - timedelta(days=31)),
            models.ByDay(day=today.replace(year=2016, month=2, day=29)),
            models.ByDay(day=today.min),
        ],
        staying=[
            models.ByDay(day=today - timedelta(days=30)),
            models.ByDay(day=today - timedelta(days=29)),
            models.ByDay(day=today),
            models.ByDay(day=today.max),
            models.ByDay(day=None),
        ],
    )
    move.run()


def test_only_rows_that_fulfil_where_leave():
    move = Move(models.Narrowed)
    move.add(
        leaving=[
            models.Narrowed(created_at=OLD, state="50% done", done=done)
            for done in (True, None, True)
        ],
        staying=[
            models.Narrowed(created_at=OLD, state="50% done", done=False),
            models.Narrowed(created_at=OLD, state=None, done=True),
            models.Narrowed(created_at=OLD, state="50x done", done=True),
            models.Narrowed(created_at=YOUNG, state="50% done", done=True),
            models.Narrowed(created_at=None, state="50% done", done=True),
        ],
    )
    assert move.run(batch_size=None)["batches"] == 2, "the policy's batch_size holds"


def test_rows_that_every_manager_hides_move_as_well():
    move = Move(models.Hidden)
    move.add(
        leaving=[models.Hidden(created_at=OLD, deleted=deleted) for deleted in (True, False, True)],
        staying=[models.Hidden(created_at=YOUNG, deleted=deleted) for deleted in (True, False)],
    )
    assert models.Hidden._base_manager.count() == 2
    stats = get_archival_stats()["tables"][move.archive.table]
    assert (stats["rows"], stats["archivable_records"]) == (5, 3)
    move.run()
    assert models.HiddenArchive.objects.count() == 3


def test_a_table_that_django_does_not_manage_moves():
    move = Move(models.Legacy)
    move.add(
        leaving=[
            models.Legacy(number=n, text=text, created_at=OLD) for n, text in enumerate(AWKWARD)
        ],
        staying=[models.Legacy(number=-1, created_at=None)],
    )
    move.run()


def test_the_admin_s_log_moves():
    user = User.objects.create(username="somebody")
    kind = ContentType.objects.get_for_model(User)
    move = Move(LogEntry)
    common = {"user": user, "content_type": kind, "object_repr": "x", "change_message": "[]"}
    move.add(
        leaving=[
            LogEntry(action_time=OLD, action_flag=ADDITION, object_id=text, **common)
            for text in (*AWKWARD, None)
        ],
        staying=[LogEntry(action_time=NOW, action_flag=DELETION, **common)],
    )
    move.run()
    row = models.LogEntryArchive.objects.select_related("user").filter(object_id="NULL").get()
    assert (row.user, row.content_type) == (user, kind)


def test_sessions_move():
    move = Move(Session)
    move.add(
        leaving=[
            Session(session_key=uuid.uuid4().hex, session_data="x" * n, expire_date=OLD)
            for n in (0, 1, 100_000)
        ],
        staying=[Session(session_key="stays", session_data="", expire_date=YOUNG)],
    )
    move.run()


def test_a_column_that_only_the_database_knows_is_not_lost():
    """Its values would go with the row, so the run refuses until the archive has it too."""
    move = Move(models.ByDay)
    move.add(
        leaving=[models.ByDay(day=OLD.date())], staying=[models.ByDay(day=timezone.now().date())]
    )
    table = connection.ops.quote_name(move.archive.table)
    raw.execute(f"ALTER TABLE {table} ADD COLUMN secret integer DEFAULT 42")
    try:
        result = archive_tables([(move.archive, "default")], Asked())["tables"][move.archive.table]
        assert result["state"] == "refused"
        assert [refusal["code"] for refusal in result["refusals"]] == ["archive-behind"]
        assert "secret (missing)" in result["error"]
        assert move.in_source() == move.leaving + move.staying
    finally:
        raw.execute(f"ALTER TABLE {table} DROP COLUMN secret")


@pytest.mark.postgresql
def test_a_column_of_another_type_in_the_archive_is_not_filled():
    move = Move(models.TextKey)
    move.add(
        leaving=[models.TextKey(name="a", created_at=OLD)],
        staying=[models.TextKey(name="b", created_at=YOUNG)],
    )
    change = f"ALTER TABLE {move.archive.archive_table} ALTER COLUMN name TYPE varchar"
    raw.execute(f"{change}(200)")
    try:
        result = archive_tables([(move.archive, "default")], Asked())["tables"][move.archive.table]
        assert "name (character varying(300) there, character varying(200)" in result["error"]
        assert move.in_source() == move.leaving + move.staying
    finally:
        raw.execute(f"{change}(300)")
    move.run()


def test_a_dry_run_of_every_shape_writes_nothing():
    with CaptureQueriesContext(connection) as queries:
        for archive, _ in leaving_in(None):
            result = archive_table(archive.source, dry_run=True)
            assert result["state"] == "planned", result["refusals"]
            assert result["plan"]["rows_eligible"] == 0
    verbs = {entry["sql"].removeprefix("/* dbhealth */ ").split()[0] for entry in queries}
    assert verbs <= {"SELECT", "WITH", "PRAGMA", "BEGIN", "COMMIT", "SET"}
