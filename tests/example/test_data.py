"""The demo's data is the same every time, and skewed the way reality is."""

from datetime import date, timedelta
from statistics import median
from typing import Any

import pytest

from tests.example.conftest import ROWS, Project

DIGEST = """
import datetime, hashlib
from example_project.demo.making import tables
from example_project.demo.world import World
answer = {}
for table in tables(World(300, datetime.date(%s))):
    rows = list(table.rows)
    assert len(rows) == table.count, table.name
    assert set(table.columns) == {f.column for f in table.model._meta.local_concrete_fields}
    answer[table.name] = hashlib.sha256(repr(rows).encode()).hexdigest()
"""
# Everything that was loaded, also what the archive has taken since.
EVENTS = """
from itertools import chain
from example_project.life.models import FeedbackLog, FeedbackLogArchive
columns = ("user_id", "created_at", "processed_at", "comment")
models = FeedbackLog, FeedbackLogArchive
rows = chain.from_iterable(model.objects.values_list(*columns) for model in models)
answer = [
    {"user": user, "at": at.isoformat(), "hour": at.hour, "weekday": at.weekday(),
     "processed": done and done.isoformat(), "length": len(comment)}
    for user, at, done, comment in rows
]
"""
NEXT_KEYS = """
from django.db import models, transaction
from example_project.demo.mark import filled_models
answer = {}
for model in filled_models():
    if not isinstance(model._meta.pk, models.AutoField):
        continue
    row = model._base_manager.order_by("pk").last()
    last, row.pk = row.pk, None
    for field in model._meta.local_concrete_fields:
        if field.unique and not field.primary_key or field.name == "key":
            setattr(row, field.attname, "new")
    with transaction.atomic():
        row.save(force_insert=True)
        answer[model._meta.db_table] = row.pk - last
        transaction.set_rollback(True)
"""


@pytest.fixture(scope="module")
def events(demo: Project) -> list[dict[str, Any]]:
    return sorted(demo.ask(EVENTS), key=lambda event: event["at"])


def test_same_day_gives_the_same_rows_and_another_day_others(demo: Project) -> None:
    first = demo.ask(DIGEST % "2026, 1, 31")
    assert demo.ask(DIGEST % "2026, 1, 31") == first
    assert demo.ask(DIGEST % "2026, 2, 1")["feedback_logs"] != first["feedback_logs"]


def test_few_users_do_most(events: list[dict[str, Any]]) -> None:
    counts: dict[int, int] = {}
    for event in events:
        counts[event["user"]] = counts.get(event["user"], 0) + 1
    heaviest = sorted(counts.values(), reverse=True)
    assert sum(heaviest[:3]) > 0.3 * ROWS
    assert min(heaviest) < 0.03 * ROWS


def test_time_has_growth_nights_and_weekends(events: list[dict[str, Any]]) -> None:
    hours = [event["hour"] for event in events]
    assert hours.count(20) > 4 * hours.count(3)
    weekend = sum(event["weekday"] > 4 for event in events)
    assert weekend / 2 < (ROWS - weekend) / 5
    days = [date.fromisoformat(event["at"][:10]) for event in events]
    assert 725 < (days[-1] - days[0]).days < 730
    first_year = sum(day < days[0] + timedelta(days=365) for day in days)
    assert ROWS - first_year > 1.4 * first_year


def test_text_is_short_with_a_few_long_ones(events: list[dict[str, Any]]) -> None:
    lengths = [event["length"] for event in events]
    assert median(lengths) < 100
    assert max(lengths) > 2_000


def test_unprocessed_rows_have_nulls_and_processing_follows(events: list[dict[str, Any]]) -> None:
    unprocessed = [event for event in events if event["processed"] is None]
    assert 0 < len(unprocessed) < 0.1 * ROWS
    assert all(event["processed"] is None or event["processed"] > event["at"] for event in events)


def test_next_rows_get_keys_of_their_own(demo: Project) -> None:
    gaps = demo.ask(NEXT_KEYS)
    assert len(gaps) > 15
    assert all(gap >= 1 for gap in gaps.values()), gaps
