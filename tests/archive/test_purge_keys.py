"""Archives with keys of every kind: exactly the old rows go, in small batches."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models.query import QuerySet
from django.utils import timezone

from dbhealth.archive import purge
from dbhealth.archive.registry import find
from tests.testapp.models import (
    BytesKey,
    CompositeKey,
    DecimalKey,
    MomentKey,
    SmallAutoKey,
    TextKey,
    UuidKey,
)

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
TEXTS = ["", " ", "0", "00", "a", "A", "ä", "Z", "100%s", "'; --", "漢", "🦖", "x" * 300]

SHAPES = {
    SmallAutoKey: [{"id": key, "text": "x"} for key in (-5, 0, 1, 7, 30_000)],
    UuidKey: [{"id": uuid.UUID(int=key * 7**40), "text": "x"} for key in range(9)],
    TextKey: [{"name": text} for text in TEXTS],
    BytesKey: [{"digest": bytes([key, 0, 255])} for key in range(7)],
    MomentKey: [{"moment": NOW - timedelta(microseconds=key)} for key in range(7)],
    DecimalKey: [{"amount": Decimal(key) / 7} for key in range(-3, 4)],
    CompositeKey: [
        {"region": region, "number": number, "text": "x"}
        for region in ("", "north", "Ö")
        for number in (-1, 0, 5)
    ],
}


@pytest.mark.parametrize("source", SHAPES, ids=lambda model: model.__name__)
def test_old_rows_go_and_young_ones_between_them_stay(source):
    model = find(source).model
    ages = [4000 if place % 2 else 10 for place in range(len(SHAPES[source]))]
    made = [
        model(archived_at=NOW - timedelta(days=days), archive_run_id=days, **values)
        for days, values in zip(ages, SHAPES[source], strict=True)
    ]
    QuerySet(model).bulk_create(made)
    result = purge(source, older_than=timedelta(days=3650), batch_size=2)
    (entry,) = result["tables"].values()
    assert entry["rows"] == ages.count(4000)
    assert entry["batches"] == -(-ages.count(4000) // 2)
    assert entry["purged"] == {"4000": ages.count(4000)}
    left = QuerySet(model).values_list("archive_run_id", flat=True)
    assert list(left) == [10] * ages.count(10)
