"""Every kind of primary key, each with its smallest, largest and most awkward values."""

import uuid
from decimal import Decimal

import pytest

from tests.testapp import models
from tests.testapp.moving import AWKWARD, NOT_PAST, NOW, OLD, PAST, YOUNG, Move

pytestmark = pytest.mark.django_db(transaction=True)

INTEGERS = {
    models.AutoKey: (-(2**31), -1, 0, 1, 2, 1_000_000, 2**31 - 1),
    models.BigAutoKey: (-(2**63), -(2**31) - 1, -1, 0, 7, 2**31, 2**53 + 1, 2**63 - 1),
    models.SmallAutoKey: (-(2**15), -1, 0, 1, 2**15 - 1),
}


def interleaved(keys, build):
    """Return rows that leave and rows that stay, turn by turn along the keys."""
    leaving = [build(key, PAST[place % len(PAST)]) for place, key in enumerate(keys[::2])]
    staying = [build(key, (*NOT_PAST, None)[place % 5]) for place, key in enumerate(keys[1::2])]
    return {"leaving": leaving, "staying": staying}


@pytest.mark.parametrize("model", INTEGERS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("turn", [1, -1])
def test_rows_with_the_smallest_and_largest_integer_keys_move(model, turn):
    move = Move(model)

    def build(key, moment):
        return model(id=key, created_at=moment, text=f"row {key}")

    move.add(**interleaved(INTEGERS[model][::turn][: len(INTEGERS[model])], build))
    move.run()


@pytest.mark.parametrize("skipped", [0, 1])
def test_rows_with_a_plain_integer_key_move(skipped):
    keys = (-(2**63), -5, 0, 5, 2**31, 2**40, 2**63 - 2, 2**63 - 1)[skipped:]
    move = Move(models.PlainIntegerKey)
    move.add(**interleaved(keys, lambda key, at: models.PlainIntegerKey(number=key, created_at=at)))
    move.run()


def test_rows_with_a_uuid_key_move():
    numbers = (0, 1, 2**127, 2**128 - 1, 2**64, 0xDEADBEEF, uuid.uuid4().int, 9, 10)
    move = Move(models.UuidKey)
    move.add(
        **interleaved(
            numbers,
            lambda number, at: models.UuidKey(id=uuid.UUID(int=number), created_at=at, text="x"),
        )
    )
    move.run()


@pytest.mark.parametrize("skipped", [0, 1])
def test_rows_with_a_text_key_move(skipped):
    keys = [*AWKWARD, "a", "A", "á", "\uff41", "ab", "a b", "a  ", "x" * 300, "10", "9", "-1"]
    move = Move(models.TextKey)
    move.add(**interleaved(keys[skipped:], lambda key, at: models.TextKey(name=key, created_at=at)))
    move.run()


@pytest.mark.parametrize("skipped", [0, 1])
def test_rows_with_a_binary_key_move(skipped):
    keys = [b"", b"\x00", b"\x00\x00", b"\xff" * 32, b"'\"\\", "ü".encode(), bytes(range(256))]
    move = Move(models.BytesKey)
    move.add(
        **interleaved(keys[skipped:], lambda key, at: models.BytesKey(digest=key, created_at=at))
    )
    move.run()


def test_rows_with_a_moment_as_key_move():
    move = Move(models.MomentKey)
    move.add(
        leaving=[models.MomentKey(moment=at, created_at=OLD) for at in (*PAST, NOT_PAST[-1])],
        staying=[models.MomentKey(moment=at, created_at=YOUNG) for at in (NOW, *NOT_PAST[:-1])],
    )
    move.run()


def test_rows_with_a_decimal_key_move():
    keys = [Decimal(key) for key in ("-9999999999.9999", "-0.0001", "0", "0.1", "0.3", "7", "1e9")]
    keys += [Decimal("9999999999.9999")]
    move = Move(models.DecimalKey)
    move.add(**interleaved(keys, lambda key, at: models.DecimalKey(amount=key, created_at=at)))
    move.run()


def test_rows_with_a_composite_key_move():
    keys = [(text, number) for text in AWKWARD for number in (-(2**31), 0, 2**31 - 1)]
    move = Move(models.CompositeKey)
    move.add(
        **interleaved(
            keys,
            lambda key, at: models.CompositeKey(
                region=key[0], number=key[1], created_at=at, text="x"
            ),
        )
    )
    move.run()


def test_rows_with_a_foreign_key_in_their_composite_key_move():
    owners = [models.Owner(code=uuid.uuid4(), label=f"owner {n}") for n in range(3)]
    models.Owner.objects.bulk_create(owners)
    keys = [(number, owner) for number in (-(2**63), 0, 2**63 - 1) for owner in owners]
    move = Move(models.CompositeReferenceKey)
    move.add(
        **interleaved(
            keys,
            lambda key, at: models.CompositeReferenceKey(
                number=key[0], owner=key[1], created_at=at
            ),
        )
    )
    move.run()
    row = models.CompositeReferenceKeyArchive.objects.get(pk=(-(2**63), owners[0].pk))
    assert row.owner == owners[0]


def test_rows_with_a_reference_as_key_move():
    owners = [models.Owner(id=n, code=uuid.uuid4(), label=f"owner {n}") for n in (-3, 0, 2**40)]
    models.Owner.objects.bulk_create(owners)
    move = Move(models.OneToOneKey)
    move.add(
        leaving=[models.OneToOneKey(owner=owner, created_at=OLD, text="x") for owner in owners[:2]],
        staying=[models.OneToOneKey(owner=owners[2], created_at=YOUNG, text="y")],
    )
    move.run()
    assert models.OneToOneKeyArchive.objects.get(pk=-3).owner == owners[0]
