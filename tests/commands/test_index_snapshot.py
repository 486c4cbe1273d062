"""`index_usage --snapshot`, as cron calls it."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import connection

from dbhealth.indexes.models import IndexCount, IndexSnapshot, TrackedIndex
from dbhealth.queries.capture import recording

pytestmark = pytest.mark.django_db(transaction=True)


def snapshot(*options):
    out = io.StringIO()
    call_command("index_usage", "--snapshot", "--database", "default", *options, stdout=out)
    return out.getvalue()


def test_it_says_what_it_has_kept():
    text = snapshot()
    indexes = TrackedIndex.objects.count()
    assert indexes > 100
    assert text == f"default: snapshot 1 of {indexes} indexes, 0 used since the one before.\n"
    assert IndexSnapshot.objects.get().number == 1


def test_json_is_one_document():
    snapshot()
    found = json.loads(snapshot("--format", "json"))["default"]
    assert found["number"] == 2
    assert found["indexes"] == TrackedIndex.objects.count()


@pytest.mark.sqlite
def test_what_the_recorder_has_seen_counts_where_the_engine_counts_nothing():
    snapshot()
    with recording("default"), connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT 1 FROM auth_group WHERE name = %s", ["x"])
    snapshot()
    [used] = IndexCount.objects.filter(scans__gt=0)
    assert (used.index.table, used.scans) == ("auth_group", 3)
