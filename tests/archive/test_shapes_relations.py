"""Rows that point at rows: of other tables, of their own table, in chains and in circles."""

import uuid

import pytest

from dbhealth.archive import archive_table
from tests.testapp import models
from tests.testapp.moving import OLD, YOUNG, Move

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owners():
    made = [models.Owner(code=uuid.uuid4(), label=f"owner {n}") for n in range(3)]
    return models.Owner.objects.bulk_create(made)


def test_references_of_every_kind_arrive_and_can_be_followed(owners):
    first, second, third = owners
    move = Move(models.Note)
    move.add(
        leaving=[
            models.Note(
                created_at=OLD,
                owner=first,
                other=second,
                by_code=third,
                single=first,
                loose_id=-7,
            ),
            models.Note(created_at=OLD, owner=second, loose=first),
            models.Note(created_at=OLD, owner=second),
        ],
        staying=[models.Note(created_at=YOUNG, owner=third, single=third)],
    )
    move.run()
    row = models.NoteArchive.objects.select_related("owner", "by_code", "single").get(single=first)
    assert (row.owner, row.other, row.by_code, row.single) == (first, second, third, first)
    assert models.NoteArchive.objects.filter(owner__label="owner 1").count() == 2


def test_what_an_archive_row_points_at_may_be_deleted(owners):
    first, _, third = owners
    move = Move(models.Note)
    move.add(
        leaving=[models.Note(created_at=OLD, owner=first, by_code=first, single=first)],
        staying=[models.Note(created_at=YOUNG, owner=third)],
    )
    move.run()
    key = first.pk
    first.delete()
    row = models.NoteArchive.objects.get()
    assert row.owner_id == key
    with pytest.raises(models.Owner.DoesNotExist):
        row.owner.refresh_from_db()


def test_two_archived_rows_may_have_had_the_same_single_partner(owners):
    for _ in range(2):
        move = Move(models.Note)
        kept = models.Note.objects.filter(single=None)
        kept.delete()
        models.Note.objects.create(created_at=OLD, owner=owners[0], single=owners[0])
        models.Note.objects.create(created_at=YOUNG, owner=owners[1])
        assert archive_table(models.Note)["rows"] == 1
    assert move.in_archive().total() == 2


def test_a_parent_that_stays_does_not_keep_its_children():
    parent = models.Comment(id=50, created_at=YOUNG)
    move = Move(models.Comment)
    move.add(staying=[parent])
    move.add(leaving=[models.Comment(id=n, created_at=OLD, parent=parent) for n in (1, 60)])
    move.run()
    assert models.CommentArchive.objects.get(pk=60).parent == parent


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_a_chain_moves_whose_children_have_smaller_keys_than_their_parents(batch_size):
    move = Move(models.Comment)
    move.add(staying=[models.Comment(id=900, created_at=YOUNG)])
    keys = [500, 400, 450, 300, 1, 460, -5]
    for parent, key in zip([None, *keys], keys, strict=False):
        models.Comment.objects.create(id=key, created_at=OLD, parent_id=parent)
    move.settle()
    move.run(batch_size=batch_size)
    assert models.CommentArchive.objects.get(pk=-5).parent_id == 460


@pytest.mark.parametrize("batch_size", [1, 1000])
def test_a_circle_moves(batch_size):
    move = Move(models.Comment)
    move.add(staying=[models.Comment(id=4, created_at=YOUNG)])
    for key in (1, 3, 5, 7):
        models.Comment.objects.create(id=key, created_at=OLD)
    for key, parent in ((1, 5), (5, 3), (3, 1), (7, 7)):
        models.Comment.objects.filter(pk=key).update(parent_id=parent)
    move.settle()
    move.run(batch_size=batch_size)


def test_a_parent_stays_while_its_child_or_grandchild_stays():
    move = Move(models.Comment)
    move.add(
        staying=[
            models.Comment(id=2, created_at=OLD),
            models.Comment(id=7, created_at=OLD, parent_id=2),
            models.Comment(id=1, created_at=YOUNG, parent_id=7),
        ],
        leaving=[
            models.Comment(id=9, created_at=OLD, parent_id=7),
            models.Comment(id=3, created_at=OLD),
        ],
    )
    move.run()


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_tree_with_uuid_keys_moves(batch_size):
    move = Move(models.UuidTree)
    keys = [uuid.UUID(int=2**128 - 1 - n * 2**120) for n in range(6)]
    move.add(staying=[models.UuidTree(id=uuid.UUID(int=5), created_at=YOUNG)])
    for place, key in enumerate(keys):
        models.UuidTree.objects.create(
            id=key,
            created_at=OLD,
            parent_id=keys[(place - 1) // 2] if place else None,
            friend_id=keys[place - 1] if place else None,
        )
    models.UuidTree.objects.filter(pk=keys[0]).update(friend_id=keys[-1])
    move.settle()
    move.run(batch_size=batch_size)
    row = models.UuidTreeArchive.objects.get(pk=keys[3])
    assert models.UuidTreeArchive.objects.get(pk=row.parent_id).pk == keys[1]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_tree_that_points_at_a_unique_column_moves(batch_size):
    move = Move(models.CodeTree)
    move.add(staying=[models.CodeTree(created_at=YOUNG, code="stays")])
    codes = ["z", "y", "", "🦖", "a"]
    for place, code in reversed(list(enumerate(codes))):
        models.CodeTree.objects.create(id=100 + place, created_at=OLD, code=code)
    for code, parent in zip(codes[1:], codes, strict=False):
        models.CodeTree.objects.filter(code=code).update(parent=parent)
    move.settle()
    move.run(batch_size=batch_size)


def test_the_order_with_respect_to_another_row_is_kept(owners):
    move = Move(models.Ordered)
    for place in range(6):
        models.Ordered.objects.create(
            created_at=OLD if place % 2 else YOUNG, owner=owners[place % 2 and 1]
        )
    before = list(owners[1].get_ordered_order())
    owners[1].set_ordered_order(before[::-1])
    everything = move.in_source()
    archived = list(models.Ordered.objects.filter(created_at=OLD).values_list("pk", "_order"))
    archive_table(models.Ordered, batch_size=2)
    assert move.in_source() + move.in_archive() == everything
    assert list(
        models.OrderedArchive.objects.order_by("_order").values_list("pk", "_order")
    ) == sorted(archived, key=lambda pair: pair[1])
    assert [pk for pk, _ in sorted(archived, key=lambda pair: pair[1])] == before[::-1]
