"""Every type of column with its extremes, and columns that fill themselves."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from tests.testapp import models, raw
from tests.testapp.moving import AWKWARD, NOT_PAST, OLD, PAST, YOUNG, Move

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "".join(chr(0x4E00 + number % 20_000) for number in range(200_000))

VALUES = {
    "char": (*AWKWARD, "🦖" * 80),
    "text": (*AWKWARD, LONG),
    "slug": ("", "a-b_c", "x" * 50),
    "email": ("", "ä@example.org"),
    "url": ("", "https://example.org/?q=%20&x=%s"),
    "address": ("0.0.0.0", "255.255.255.255", "::", "2001:db8::ff00:42:8329"),  # noqa: S104
    "flag": (True, False),
    "small": (-(2**15), 0, 2**15 - 1),
    "integer": (-(2**31), 0, 2**31 - 1),
    "big": (-(2**63), 0, 2**53 + 1, 2**63 - 1),
    "positive_small": (0, 2**15 - 1),
    "positive": (0, 2**31 - 1),
    "positive_big": (0, 2**63 - 1),
    "real": (0.1 + 0.2, -0.0, 1e-300, 1.7976931348623157e308, float("inf"), -1 / 3, 5e-324),
    "decimal": (
        Decimal("0"),
        Decimal("-0.0000000001"),
        Decimal("99999.5"),
        Decimal("12345678901234567890.0123456789"),
    ),
    "binary": (b"", b"\x00", bytes(range(256)), b"\xff" * 100_000),
    "document": (
        None,
        {},
        [],
        "",
        0,
        1e100,
        True,
        {"": [None, {"ü": "🦖"}], "a\\u0000b": "%s"},
        [LONG],
        2**70,
    ),
    "date": (date.min, date(2024, 2, 29), date.max),
    "time": (time.min, time(23, 59, 59, 999_999), time(12, 0, 0, 1)),
    "moment": (*PAST, *NOT_PAST, datetime(2024, 2, 29, 12, 0, 0, 123_456, tzinfo=UTC)),
    "duration": (
        timedelta(0),
        timedelta(microseconds=-1),
        timedelta(days=-999_999, microseconds=1),
        timedelta(days=100_000, seconds=86_399, microseconds=999_999),
    ),
    "uuid": (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)),
    "file": ("", "files/2024/ü 1.txt", "x" * 200),
    "path": ("", "/etc/hosts"),
    "level": (*models.Level.values, 99),
}


def test_every_column_type_is_among_the_values():
    fields = {field.name for field in models.EveryType._meta.local_concrete_fields}
    assert fields - {"id", "created_at"} == VALUES.keys()


def test_extreme_values_of_every_type_arrive_as_they_were():
    move = Move(models.EveryType)
    longest = max(map(len, VALUES.values()))
    # The first row has nothing but NULLs, the others every value that there is at least once.
    build = [{}] + [
        {name: given[place % len(given)] for name, given in VALUES.items()}
        for place in range(longest)
    ]
    move.add(
        leaving=[models.EveryType(created_at=OLD, **values) for values in build],
        staying=[models.EveryType(created_at=at, **build[-1]) for at in (YOUNG, None)],
    )
    assert move.leaving.total() == len(build)
    move.run(batch_size=5)


def test_columns_that_fill_themselves_keep_what_they_had():
    move = Move(models.Automatic)
    move.add(staying=[models.Automatic(), models.Automatic(state="kept")])
    models.Automatic.objects.bulk_create(models.Automatic() for _ in range(5))
    newest = models.Automatic.objects.order_by("-pk").values("pk")[:5]
    models.Automatic.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).update(
        created_at=OLD, updated_at=PAST[1], day=date(2016, 2, 29), filled="", stamped=PAST[3]
    )
    move.settle()
    move.run()
    row = models.AutomaticArchive.objects.first()
    assert (row.created_at, row.updated_at, row.filled) == (OLD, PAST[1], "")
    row.save()
    row.refresh_from_db()
    assert row.updated_at == PAST[1]


def test_an_archive_row_gets_nothing_by_itself():
    """Defaults, on either side, are the source's business."""
    for field in models.AutomaticArchive._meta.local_concrete_fields:
        assert not field.has_default(), field
        assert not field.has_db_default(), field
        assert not getattr(field, "auto_now", False), field
        assert not getattr(field, "auto_now_add", False), field


def test_stored_generated_columns_arrive_as_plain_values():
    move = Move(models.Generated)
    common = {"price": Decimal("19.99"), "amount": 3}
    move.add(
        leaving=[
            models.Generated(first=text, last=text or None, created_at=OLD, **common)
            for text in AWKWARD
        ],
        staying=[models.Generated(first="a", last="b", created_at=YOUNG, **common)],
    )
    move.run()
    row = models.GeneratedArchive.objects.first()
    assert row.total == Decimal("59.97")
    row.total = 1
    row.save()
    row.refresh_from_db()
    assert row.total == 1, "it is generated no more"


def test_a_generated_column_can_tell_the_age():
    move = Move(models.GeneratedTime)
    move.add(
        leaving=[
            models.GeneratedTime(opened_at=OLD),
            models.GeneratedTime(opened_at=YOUNG, closed_at=OLD),
            models.GeneratedTime(closed_at=PAST[1]),
        ],
        staying=[
            models.GeneratedTime(opened_at=OLD, closed_at=YOUNG),
            models.GeneratedTime(),
        ],
    )
    move.run()


def test_a_virtual_generated_column_arrives_as_a_plain_value():
    """Django knows such columns on few engines; the table can have one on any that does."""
    move = Move(models.LongName)
    if connection.vendor == "postgresql" and connection.pg_version < 180_000:
        pytest.skip("PostgreSQL has virtual generated columns from 18 on.")
    table = connection.ops.quote_name(move.archive.table)
    target = connection.ops.quote_name(move.archive.archive_table)
    raw.execute(f"ALTER TABLE {table} ADD COLUMN v integer GENERATED ALWAYS AS (-id) VIRTUAL")
    raw.execute(f"ALTER TABLE {target} ADD COLUMN v integer")
    try:
        move = Move(models.LongName)
        assert "v" in move.names
        move.add(
            leaving=[models.LongName(created_at=OLD) for _ in range(3)],
            staying=[models.LongName(created_at=YOUNG)],
        )
        move.run()
    finally:
        raw.execute(f"ALTER TABLE {table} DROP COLUMN v")
        raw.execute(f"ALTER TABLE {target} DROP COLUMN v")
