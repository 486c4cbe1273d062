"""Every reason not to begin: its code, its sentences, its override, and that nothing changes."""

import inspect
from datetime import datetime, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import override_settings

from dbhealth.archive import archive_table, plan, refusals
from dbhealth.exceptions import Refused
from dbhealth.runs.models import MaintenanceRun
from tests.moveapp.models import (
    Event,
    Line,
    Mention,
    Order,
    OrderArchive,
    Remark,
    Visit,
    VisitArchive,
)
from tests.moveapp.tools import (
    add_events,
    ago,
    archive,
    change_policy,
    exit_code,
    in_archive,
    in_source,
    keep_one,
    query,
    schema,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visits():
    today = ago(days=0).date()
    for key, days in ((1, 60), (2, 50), (3, 0)):
        Visit.objects.create(pk=key, day=today - timedelta(days=days))


def refused(table="move_visit", **asked):
    """Return the reasons of a run and of a dry run, which are the same, by code."""
    planned = archive_table(table, dry_run=True, **asked)
    with pytest.raises(Refused) as caught:
        archive_table(table, **asked)
    found = {reason.code: reason for reason in caught.value.refusals}
    assert planned["state"] == "refused"
    assert {reason["code"] for reason in planned["refusals"]} == set(found)
    for reason in found.values():
        assert reason.what
        assert reason.why
        assert reason.instead
        assert str(reason).startswith(reason.what)
    return found


def only(found):
    ((_, reason),) = found.items()
    return reason


def renamed(table):
    return schema(
        setup=[f"ALTER TABLE {table} RENAME TO {table}_kept"],
        undo=[f"ALTER TABLE {table}_kept RENAME TO {table}"],
    )


def test_a_source_that_is_not_there():
    with renamed("move_visit"):
        reason = only(refused())
    assert reason.code == "source-missing"
    assert "move_visit" in reason.what
    assert "migrate" in reason.instead


def test_an_archive_that_is_not_there(visits):
    with renamed("move_visit_archive"):
        reason = only(refused())
    assert reason.code == "archive-missing"
    assert "move_visit_archive" in reason.what
    assert "makemigrations moveapp" in reason.instead
    assert Visit.objects.count() == 3


def test_a_source_that_is_a_view():
    with (
        renamed("move_visit"),
        schema(
            setup=["CREATE VIEW move_visit AS SELECT * FROM move_visit_kept"],
            undo=["DROP VIEW move_visit"],
        ),
    ):
        reason = only(refused())
    assert reason.code == "not-a-table"
    assert "is a view" in reason.what


def test_a_table_with_another_primary_key_than_its_model():
    with (
        renamed("move_visit"),
        schema(
            setup=["CREATE TABLE move_visit (id bigint NOT NULL, day date NOT NULL)"],
            undo=["DROP TABLE move_visit"],
        ),
    ):
        found = refused()
    assert "(none)" in found["key-differs"].what
    assert "(id)" in found["key-differs"].what


def test_a_column_that_the_archive_lacks(visits):
    with schema(
        setup=["ALTER TABLE move_visit ADD COLUMN note text"],
        undo=["ALTER TABLE move_visit DROP COLUMN note"],
    ):
        reason = only(refused())
    assert reason.code == "archive-behind"
    assert "note (missing)" in reason.what
    assert "makemigrations moveapp" in reason.instead
    assert Visit.objects.count() == 3


def test_a_column_that_the_archive_has_with_another_type(visits):
    with schema(
        setup=[
            "ALTER TABLE move_visit ADD COLUMN note text",
            "ALTER TABLE move_visit_archive ADD COLUMN note varchar(10)",
        ],
        undo=[
            "ALTER TABLE move_visit DROP COLUMN note",
            "ALTER TABLE move_visit_archive DROP COLUMN note",
        ],
    ):
        reason = only(refused())
    assert reason.code == "archive-behind"
    assert "note (text there" in reason.what


def test_a_run_log_that_is_not_there(visits):
    with renamed("dbhealth_maintenancerun"):
        reason = only(refused())
    assert reason.code == "run-log-missing"
    assert "migrate dbhealth" in reason.instead
    assert Visit.objects.count() == 3


@pytest.mark.sqlite
def test_a_table_of_an_attached_file(monkeypatch):
    monkeypatch.setattr(Visit._meta, "db_table", 'elsewhere"."move_visit')
    with pytest.raises(Refused) as caught:
        archive_table(Visit)
    assert [reason.code for reason in caught.value.refusals] == ["attached-file"]


class SourceHereArchiveThere:
    def db_for_write(self, model, **hints):
        return "other" if model is VisitArchive else "default"


@override_settings(DATABASE_ROUTERS=[SourceHereArchiveThere()])
def test_a_source_and_an_archive_in_two_databases(visits):
    reason = only(refused())
    assert reason.code == "two-databases"
    assert "'default'" in reason.what
    assert "'other'" in reason.what
    assert Visit.objects.count() == 3


@pytest.mark.parametrize("days", [0, -1, -400])
def test_a_retention_of_nothing_or_less(days, visits):
    reason = refused(retention=timedelta(days=days))["retention"]
    assert f"{days * 86_400} seconds" in reason.what
    assert reason.override == ""
    assert Visit.objects.count() == 3


def test_a_policy_that_the_system_checks_find_wrong(visits, monkeypatch):
    change_policy(monkeypatch, VisitArchive, timestamp_field="id")
    reason = only(refused())
    assert reason.code == "policy-wrong"
    assert "timestamp_field='id'" in reason.what
    assert "manage.py check" in reason.instead
    assert Visit.objects.count() == 3


def test_a_run_that_would_empty_the_table():
    add_events([1, 2])
    reason = only(refused("move_event"))
    assert reason.code == "emptying"
    assert "(2)" in reason.what
    assert reason.override == "--allow-emptying"
    assert in_source() == [1, 2]
    assert exit_code("--table", "move_event") == 1
    assert exit_code("--table", "move_event", "--allow-emptying") == 0
    assert in_archive() == [1, 2]


@pytest.mark.parametrize(
    "keeper",
    [{"days": 1}, {"created_at": None}, {"done": False}, {"days": 1, "hidden": True}],
    ids=["young", "without a time", "not done", "hidden"],
)
def test_any_row_that_stays_keeps_the_table_from_being_emptied(keeper):
    add_events([1])
    add_events([2], **keeper)
    assert archive()["rows"] == 1
    assert in_source() == [2]


class LateClock(datetime):
    """This machine's clock, set wrong: ten minutes behind."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) - timedelta(minutes=10)


def test_clocks_that_differ(monkeypatch):
    monkeypatch.setattr(plan, "datetime", LateClock)
    add_events([1])
    keep_one()
    reason = only(refused("move_event"))
    assert reason.code == "clock-skew"
    assert "600 s" in reason.what
    assert reason.override == "--allow-clock-skew"
    assert exit_code("--table", "move_event") == 1
    with override_settings(DBHEALTH={"CLOCK_SKEW": 700.0}):
        assert archive_table("move_event", dry_run=True)["state"] == "planned"
    assert exit_code("--table", "move_event", "--allow-clock-skew") == 0
    assert in_archive() == [1]


def test_a_transaction_of_the_caller():
    add_events([1])
    keep_one()
    with transaction.atomic(), pytest.raises(Refused) as caught:
        archive_table("move_event")
    (reason,) = caught.value.refusals
    assert reason.code == "in-transaction"
    assert MaintenanceRun.objects.count() == 0
    assert len(in_source()) == 2


# --- rows that point at rows that would leave -----------------------------------------------


@pytest.fixture
def orders():
    for key in (1, 2, 3):
        Order.objects.create(pk=key, placed_at=ago(days=40))
    Order.objects.create(pk=9, placed_at=ago(days=1))


def test_a_foreign_key_of_the_database_has_no_override(orders, monkeypatch):
    line = Line.objects.create(order_id=2)
    Line.objects.create(order_id=9)
    for allowed in ((), ("moveapp.Line.order",)):
        change_policy(monkeypatch, OrderArchive, allow_dangling=allowed)
        reason = only(refused("move_order"))
        assert reason.code == "referenced"
        assert reason.what.startswith("1 row of moveapp.Line.order points at rows of move_order")
        assert reason.override == ""
    assert Order.objects.count() == 4
    line.delete()
    assert archive("move_order")["rows"] == 3


def test_a_foreign_key_that_only_the_model_knows_can_be_allowed(orders, monkeypatch):
    Mention.objects.create(order_id=1)
    Mention.objects.create(order_id=3)
    reason = only(refused("move_order"))
    assert reason.what.startswith("2 rows of moveapp.Mention.order")
    assert "allow_dangling=('moveapp.Mention.order',)" in reason.override
    change_policy(monkeypatch, OrderArchive, allow_dangling=("moveapp.Mention.order",))
    assert archive("move_order")["rows"] == 3
    assert Mention.objects.count() == 2


def test_a_generic_relation_can_be_allowed(orders, monkeypatch):
    about = ContentType.objects.get_for_model
    Remark.objects.create(kind=about(Order), object_id="2")
    Remark.objects.create(kind=about(Order), object_id="9")
    Remark.objects.create(kind=about(Event), object_id="1")
    reason = only(refused("move_order"))
    assert reason.what.startswith("1 row of moveapp.Remark.about")
    change_policy(monkeypatch, OrderArchive, allow_dangling=("moveapp.Remark.about",))
    assert archive("move_order")["rows"] == 3


def test_a_table_that_no_model_knows_is_found(orders):
    with schema(
        setup=[
            "CREATE TABLE stray (id int PRIMARY KEY, of_order bigint REFERENCES move_order (id))",
            "INSERT INTO stray VALUES (1, 3), (2, 9), (3, NULL)",
        ],
        undo=["DROP TABLE stray"],
    ):
        reason = only(refused("move_order"))
        assert reason.what.startswith("1 row of stray (of_order) points at rows of move_order")
        query("DELETE FROM stray WHERE id = 1")
        assert archive("move_order")["rows"] == 3


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_a_foreign_key_that_deletes_or_changes_by_itself(action, orders):
    """Rows that come in during the run would be lost with the row that they point at."""
    with schema(
        setup=[
            "CREATE TABLE stray (id int PRIMARY KEY, "
            f"of_order bigint REFERENCES move_order (id) ON DELETE {action})"
        ],
        undo=["DROP TABLE stray"],
    ):
        reason = only(refused("move_order"))
    assert reason.code == "acts-on-delete"
    assert f"stray (of_order) to move_order says ON DELETE {action}" in reason.what
    assert reason.override == ""
    assert archive("move_order")["rows"] == 3


@pytest.mark.parametrize("action", ["NO ACTION", "RESTRICT"])
def test_a_foreign_key_that_refuses_is_no_reason(action, orders):
    with schema(
        setup=[
            "CREATE TABLE stray (id int PRIMARY KEY, "
            f"of_order bigint REFERENCES move_order (id) ON DELETE {action})"
        ],
        undo=["DROP TABLE stray"],
    ):
        assert archive("move_order")["rows"] == 3


def test_all_that_point_are_named_at_once(orders):
    Line.objects.create(order_id=1)
    Mention.objects.create(order_id=1)
    with pytest.raises(Refused) as caught:
        archive_table("move_order")
    named = {reason.what.split(" point")[0] for reason in caught.value.refusals}
    assert named == {"1 row of moveapp.Line.order", "1 row of moveapp.Mention.order"}
    assert Order.objects.count() == 4


def test_rows_that_point_at_rows_that_stay_are_no_reason(orders):
    Line.objects.create(order_id=9)
    Mention.objects.create(order_id=9)
    assert archive("move_order")["rows"] == 3


def test_every_refusal_there_is_has_a_test_here():
    made = {
        name
        for name, function in vars(refusals).items()
        if inspect.isfunction(function)
        and function.__module__ == refusals.__name__
        and function.__annotations__["return"] == "Refusal"
    }
    assert made == {
        "acting",
        "archive_behind",
        "archive_missing",
        "being_restored",  # in test_beside.py
        "clock_skew",
        "emptying",
        "key_differs",
        "nested_transaction",
        "not_a_table",
        "only_with_parents",
        "other_database",
        "policy_wrong",
        "referenced",
        "retention",
        "rewritten",  # in test_rules.py
        "ring",
        "run_log_missing",
        "schema_of_another_file",
        "source_missing",
    }
