"""Conflicts of every kind: reported before anything moves, and stepped over when asked."""

import uuid
from decimal import Decimal

import pytest
from django.db import connection

from dbhealth.exceptions import ConstraintViolated, Refused
from dbhealth.runs.models import MaintenanceRun
from tests.restore.tools import OLD, YOUNG, archived, entry, keys, reported, stored
from tests.testapp import models, raw

pytestmark = pytest.mark.django_db(transaction=True)


def quoted(model):
    return connection.ops.quote_name(model._meta.db_table)


@pytest.fixture
def altered():
    """Run DDL on the tables and undo it at the end."""
    undo = []

    def change(*statements, back):
        for statement in statements:
            raw.execute(statement)
        undo.extend(back)

    yield change
    for statement in undo:
        raw.execute(statement)


def named(name, **fields):
    return models.Constrained(
        **{"created_at": OLD, "name": name, "group": name, "active": False, **fields}
    )


def test_a_key_that_lives_again_is_named_and_its_row_stays():
    run = archived(models.AutoKey, *(models.AutoKey(id=n, created_at=OLD) for n in (1, 2, 3)))
    models.AutoKey.objects.create(id=2, created_at=YOUNG, text="another")
    assert reported(models.AutoKey, run=run) == [("key-taken", 1)]
    found = entry(models.AutoKey, run=run, skip_conflicts=True, batch_size=1)
    assert (found["state"], found["rows"], found["rows_left_conflicts"]) == ("succeeded", 2, 1)
    assert found["conflicts"][0]["sample"] in ([["2"]], [[2]])
    assert keys(models.AutoKey) == ([1, 2, 3], [2])
    assert models.AutoKey.objects.get(pk=2).text == "another"


def test_the_sample_names_five_keys_and_the_count_all():
    rows = [models.AutoKey(id=n, created_at=OLD) for n in range(1, 10)]
    run = archived(models.AutoKey, *rows)
    models.AutoKey.objects.bulk_create(models.AutoKey(id=n, created_at=YOUNG) for n in range(1, 9))
    (conflict,) = entry(models.AutoKey, run=run, dry_run=True)["conflicts"]
    assert conflict["rows"] == 8
    assert [int(key) for (key,) in conflict["sample"]] == [1, 2, 3, 4, 5]
    assert conflict["what"].endswith("(1), (2), (3), (4), (5), ….")


@pytest.mark.parametrize(
    "lives",
    [
        named("A", group="other"),
        named("a", group="other"),  # an expression: Lower("name")
        named("x", group="g", place=3),
        named("x", group="g", active=True),  # a condition: active
    ],
    ids=["unique", "expression", "composite", "partial"],
)
def test_a_value_that_lives_again_is_found_in_every_kind_of_unique_index(lives):
    run = archived(models.Constrained, named("A", group="g", place=3, active=True), named("free"))
    lives.pk, lives.created_at = None, YOUNG
    lives.save(force_insert=True)
    found = reported(models.Constrained, run=run)
    assert {kind for kind, _ in found} == {"unique-taken"}
    assert {rows for _, rows in found} == {1}
    back = entry(models.Constrained, run=run, skip_conflicts=True)
    assert (back["rows"], back["rows_left_conflicts"]) == (1, 1)
    assert models.ConstrainedArchive.objects.get().name == "A"


def test_what_a_partial_index_leaves_out_is_no_conflict():
    run = archived(models.Constrained, named("a", group="g", active=True))
    named("b", group="g", active=False, created_at=YOUNG).save()
    assert entry(models.Constrained, run=run)["rows"] == 1


def test_null_is_no_value_that_is_taken():
    run = archived(models.Constrained, named("a", group="g", place=None))
    named("b", group="g", place=None, created_at=YOUNG).save()
    assert entry(models.Constrained, run=run)["rows"] == 1


def test_two_archived_rows_with_one_value_both_stay():
    for _ in range(2):
        archived(models.Constrained, named("once"))
    archived(models.Constrained, named("free"))
    found = reported(models.Constrained, since=OLD)
    assert found == [("unique-within", 2)] * len(found)
    assert len(found) == 2, "the column and the expression on it"
    back = entry(models.Constrained, since=OLD, skip_conflicts=True, batch_size=1)
    assert (back["rows"], back["rows_left_conflicts"]) == (1, 2)
    first = models.ConstrainedArchive.objects.earliest("pk")
    assert entry(models.Constrained, keys=[first.pk])["rows"] == 1


def test_a_parent_that_is_gone_is_missed():
    first, second = (
        models.Owner.objects.create(code=uuid.uuid4(), label=label) for label in ("a", "b")
    )
    rows = [models.Note(created_at=OLD, owner=first), models.Note(created_at=OLD, owner=second)]
    run = archived(models.Note, *rows)
    second.delete()
    assert reported(models.Note, run=run) == [("parent-missing", 1)]
    back = entry(models.Note, run=run, skip_conflicts=True)
    assert (back["rows"], back["rows_left_conflicts"]) == (1, 1)


def test_a_reference_that_no_constraint_holds_is_a_note():
    owner = models.Owner.objects.create(code=uuid.uuid4(), label="a")
    run = archived(models.Note, models.Note(created_at=OLD, owner=owner, loose_id=-7))
    back = entry(models.Note, run=run)
    assert back["rows"] == 1
    assert any("1 row points by loose" in note for note in back["notes"])


@pytest.mark.parametrize("batch_size", [1, 100])
def test_what_hangs_on_a_row_that_stays_stays_with_it(batch_size):
    """5 is taken; 4 points at 5 and is satisfied by the living one; 3 hangs on 9, which is gone."""
    for key, parent in ((9, None), (5, None), (4, 5), (3, 9), (2, 3), (1, None)):
        models.Comment.objects.create(id=key, created_at=OLD, parent_id=parent)
    run = archived(models.Comment)
    models.CommentArchive.objects.filter(pk=9).delete()
    models.Comment.objects.create(id=5, created_at=YOUNG)
    assert reported(models.Comment, run=run) == [("key-taken", 1), ("parent-missing", 1)]
    planned = entry(models.Comment, run=run, skip_conflicts=True, dry_run=True)
    assert planned["plan"]["rows_to_restore"] == 2
    back = entry(models.Comment, run=run, skip_conflicts=True, batch_size=batch_size)
    assert (back["rows"], back["rows_left_conflicts"]) == (2, 3)
    assert keys(models.Comment) == ([1, 4, 5], [2, 3, 5])


def test_a_parent_outside_of_the_choice_does_not_come_along():
    models.Comment.objects.create(id=1, created_at=OLD)
    models.Comment.objects.create(id=2, created_at=OLD, parent_id=1)
    archived(models.Comment)
    assert reported(models.Comment, keys=[2]) == [("parent-missing", 1)]
    assert entry(models.Comment, keys=[2, 1])["rows"] == 2


def test_a_column_that_the_table_has_lost_keeps_the_rows_that_have_a_value(altered):
    target = quoted(models.ByDayArchive)
    run = archived(models.ByDay, *(models.ByDay(id=n, day=OLD.date()) for n in (1, 2)))
    altered(
        f"ALTER TABLE {target} ADD COLUMN lost integer",
        f"UPDATE {target} SET lost = 5 WHERE id = 2",
        back=[f"ALTER TABLE {target} DROP COLUMN lost"],
    )
    assert reported(models.ByDay, run=run) == [("column-gone", 1)]
    back = entry(models.ByDay, run=run, skip_conflicts=True)
    assert (back["rows"], back["rows_left_conflicts"]) == (1, 1)
    assert keys(models.ByDay) == ([1], [2])


def test_a_new_column_without_a_default_lets_nothing_back(altered):
    run = archived(models.SmallAutoKey, models.SmallAutoKey(created_at=OLD, text="x"))
    target = quoted(models.SmallAutoKeyArchive)
    altered(
        f"ALTER TABLE {target} DROP COLUMN text",
        back=[f"ALTER TABLE {target} ADD COLUMN text text"],
    )
    assert reported(models.SmallAutoKey, run=run) == [("column-new", 1)]
    with pytest.raises(Refused, match="column text without a default"):
        entry(models.SmallAutoKey, run=run, skip_conflicts=True)


def test_a_new_column_with_a_default_is_filled_by_the_database(altered):
    run = archived(models.ByDay, models.ByDay(day=OLD.date()))
    table = quoted(models.ByDay)
    altered(
        f"ALTER TABLE {table} ADD COLUMN fresh integer NOT NULL DEFAULT 42",
        back=[f"ALTER TABLE {table} DROP COLUMN fresh"],
    )
    back = entry(models.ByDay, run=run)
    assert back["rows"] == 1
    assert any("does not have fresh" in note for note in back["notes"])
    assert raw.fetch(f"SELECT fresh FROM {table}") == [(42,)]


def test_no_value_for_a_column_that_wants_one_is_a_conflict():
    run = archived(models.AutoKey, *(models.AutoKey(id=n, created_at=OLD) for n in (1, 2)))
    models.AutoKeyArchive.objects.filter(pk=1).update(text=None)
    assert reported(models.AutoKey, run=run) == [("null-in-not-null", 1)]
    assert entry(models.AutoKey, run=run, skip_conflicts=True)["rows_left_conflicts"] == 1
    models.AutoKeyArchive.objects.update(text="filled")
    assert entry(models.AutoKey, run=run)["rows"] == 1


def test_a_column_of_another_type_lets_nothing_back(altered):
    run = archived(models.ByDay, models.ByDay(day=OLD.date()))
    table, target = quoted(models.ByDay), quoted(models.ByDayArchive)
    altered(
        f"ALTER TABLE {table} ADD COLUMN kind varchar(10)",
        f"ALTER TABLE {target} ADD COLUMN kind text",
        back=[f"ALTER TABLE {each} DROP COLUMN kind" for each in (table, target)],
    )
    assert reported(models.ByDay, run=run) == [("type-differs", 1)]
    with pytest.raises(Refused, match="of another type"):
        entry(models.ByDay, run=run, skip_conflicts=True)


def test_a_generated_column_that_would_have_another_value_is_a_conflict():
    rows = [
        models.Generated(first=name, last="b", price=Decimal("1.10"), amount=3, created_at=OLD)
        for name in ("a", "100 %", "%s")
    ]
    run = archived(models.Generated, *rows)
    models.GeneratedArchive.objects.filter(first="a").update(full="something else")
    assert reported(models.Generated, run=run) == [("generated-differs", 1)]
    back = entry(models.Generated, run=run, skip_conflicts=True)
    assert (back["rows"], back["rows_left_conflicts"]) == (2, 1)


def test_a_check_that_a_row_does_not_fulfil_any_more_is_a_conflict():
    run = archived(models.Constrained, named("a", place=5), named("b", place=None))
    models.ConstrainedArchive.objects.filter(name="a").update(place=-11)
    assert reported(models.Constrained, run=run) == [("check-fails", 1)]
    assert entry(models.Constrained, run=run, skip_conflicts=True)["rows"] == 1


@pytest.mark.parametrize("name", ["fresh", '"fresh"'])
def test_an_expression_that_means_nothing_to_the_archive_is_a_note_and_speaks_at_the_attempt(
    altered, name
):
    run = archived(models.ByDay, *(models.ByDay(id=n, day=OLD.date()) for n in (1, 2)))
    table = quoted(models.ByDay)
    altered(
        f"ALTER TABLE {table} ADD COLUMN fresh integer DEFAULT 5",
        f"CREATE UNIQUE INDEX fresh_twice ON {table} (({name} * 2))",
        back=["DROP INDEX fresh_twice", f"ALTER TABLE {table} DROP COLUMN fresh"],
    )
    planned = entry(models.ByDay, run=run, dry_run=True)
    assert planned["conflicts"] == []
    assert any("fresh_twice (unique-taken) could not be" in note for note in planned["notes"])
    with pytest.raises(ConstraintViolated, match="refused a batch of testapp_byday"):
        entry(models.ByDay, run=run)
    assert keys(models.ByDay) == ([], [1, 2])


@pytest.mark.postgresql
def test_null_is_a_value_where_the_index_says_so(altered):
    run = archived(models.ByDay, models.ByDay(id=1, day=OLD.date()))
    models.ByDayArchive.objects.update(day=None)
    models.ByDay.objects.create(id=2, day=None)
    altered(
        "CREATE UNIQUE INDEX one_null ON testapp_byday (day) NULLS NOT DISTINCT",
        back=["DROP INDEX one_null"],
    )
    assert reported(models.ByDay, run=run) == [("unique-taken", 1)]


@pytest.mark.sqlite
def test_the_collation_of_the_index_decides(altered):
    run = archived(models.AutoKey, models.AutoKey(id=1, text="A", created_at=OLD))
    models.AutoKey.objects.create(id=2, text="a", created_at=YOUNG)
    altered(
        "CREATE UNIQUE INDEX any_case ON testapp_autokey (text COLLATE NOCASE)",
        back=["DROP INDEX any_case"],
    )
    assert reported(models.AutoKey, run=run) == [("unique-taken", 1)]


@pytest.mark.postgresql
def test_ranges_that_may_not_overlap_are_compared_by_their_own_operator():
    pgapp = pytest.importorskip("tests.pgapp.models")
    from django.db.backends.postgresql.psycopg_any import NumericRange

    rows = [pgapp.Ranges(created_at=OLD, numbers=NumericRange(n, n + 5)) for n in (0, 5, 10)]
    run = archived(pgapp.Ranges, *rows)
    pgapp.Ranges.objects.create(created_at=YOUNG, numbers=NumericRange(4, 6))
    assert reported(pgapp.Ranges, run=run) == [("unique-taken", 2)]
    assert entry(pgapp.Ranges, run=run, skip_conflicts=True)["rows"] == 1


def test_the_run_log_keeps_what_was_refused_and_what_was_left():
    run = archived(models.AutoKey, models.AutoKey(id=1, created_at=OLD))
    models.AutoKey.objects.create(id=1, created_at=YOUNG)
    with pytest.raises(Refused):
        entry(models.AutoKey, run=run)
    refused = MaintenanceRun.objects.latest("pk")
    assert (refused.operation, refused.state) == ("restore", "failed")
    assert refused.result["refusals"][0]["code"] == "key-taken"
    entry(models.AutoKey, run=run, skip_conflicts=True)
    done = MaintenanceRun.objects.latest("pk")
    assert done.state == "succeeded"
    assert done.result["rows_left_conflicts"] == 1
    assert done.result["conflicts"] == ["key-taken: id"]
    assert stored(models.AutoKey)[1].total() == 1
